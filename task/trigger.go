package task

// TriggerError says that what a trigger asks for cannot be: its conf, its date, its run id
// or its DAG is wrong. Asking again does not help.
type TriggerError struct{ Err error }

func (e *TriggerError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *TriggerError) Unwrap() error { return e.Err }
