package jinja

import (
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/jinja/py"
)

// The classes of Jinja's own exceptions, as [py.Error] holds them.
const (
	classSyntax    = "jinja2.exceptions.TemplateSyntaxError"
	classAssertion = "jinja2.exceptions.TemplateAssertionError"
	classUndefined = "jinja2.exceptions.UndefinedError"
	classSecurity  = "jinja2.exceptions.SecurityError"
	classRuntime   = "jinja2.exceptions.TemplateRuntimeError"
	classNotFound  = "jinja2.exceptions.TemplateNotFound"
	classNoneFound = "jinja2.exceptions.TemplatesNotFound"
	classArgument  = "jinja2.exceptions.FilterArgumentError"
)

// located is an error with the place it came from.
type located struct {
	err  error
	name string // template; "" is the text that was given
	line int
}

func (e *located) Error() string {
	if e.name == "" {
		return fmt.Sprintf("line %d: %v", e.line, e.err)
	}
	return fmt.Sprintf("%s line %d: %v", e.name, e.line, e.err)
}

func (e *located) Unwrap() error { return e.err }

// at adds a place to an error that has none.
func at(err error, name string, line int) error {
	var l *located
	if err == nil || errors.As(err, &l) {
		return err
	}
	return &located{err: err, name: name, line: line}
}

// Exception answers the Python exception in err: its qualified class and its message.
func Exception(err error) (class, message string, ok bool) {
	var e *py.Error
	if !errors.As(err, &e) {
		return "", "", false
	}
	return e.Class, e.Msg, true
}
