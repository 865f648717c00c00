//go:build !kubernetes

package dags_test

import "go.uber.org/goleak"

func left() []goleak.Option { return nil }
