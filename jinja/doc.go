// Package jinja is Jinja 3.1's template language over Python's values ([py.Value]): lexer, parser and
// evaluator, the built-in filters, tests and globals, the sandbox, and native mode, in which a template
// gives a value instead of text. It does no input or output: a [Loader] supplies templates, and clock and
// randomness come in through [Config]. What it does not support is an error that says so.
//
// A parsed [Template] never changes and may be rendered by many goroutines at once.
package jinja
