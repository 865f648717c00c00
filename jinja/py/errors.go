package py

import (
	"errors"
	"fmt"
	"strings"
)

// Error is a Python exception: its qualified class ("builtins.TypeError") and its str().
type Error struct {
	Class string
	Msg   string
}

// Error prints as the last line of a Python traceback, "TypeError: message".
func (e *Error) Error() string {
	name := e.Class
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	return name + ": " + e.Msg
}

// Errorf makes an exception. A class without a dot is one of builtins.
func Errorf(class, format string, args ...any) *Error {
	if !strings.Contains(class, ".") {
		class = "builtins." + class
	}
	return &Error{Class: class, Msg: fmt.Sprintf(format, args...)}
}

// TypeError is Errorf("TypeError", ...).
func TypeError(format string, args ...any) *Error { return Errorf("TypeError", format, args...) }

// ValueError is Errorf("ValueError", ...).
func ValueError(format string, args ...any) *Error { return Errorf("ValueError", format, args...) }

// IsClass reports whether err is a Python exception of one of the classes, given without "builtins.".
// LookupError covers KeyError and IndexError.
func IsClass(err error, classes ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	name := strings.TrimPrefix(e.Class, "builtins.")
	for _, c := range classes {
		if c == name || c == "LookupError" && (name == "KeyError" || name == "IndexError") ||
			c == "ValueError" && name == "UnicodeEncodeError" || c == "ArithmeticError" && (name == "OverflowError" || name == "ZeroDivisionError") {
			return true
		}
	}
	return false
}
