// Package killtest kills the real program with SIGKILL at random moments and checks
// that nothing was lost and nothing was done twice. It has no code of its own beside
// its test.
package killtest
