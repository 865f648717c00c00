package storetest_test

import (
	"testing"

	"github.com/updraft-dev/updraft/store/storetest"
)

func TestModel(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(testing.TB) storetest.Harness {
		return storetest.Harness{Store: storetest.NewModel(), TooLarge: storetest.MaxItem + 1}
	})
}
