// Package cli holds the commands of updraft, as functions that can be tested: what they
// are called and take, and how their answers are shown. They work on an installation
// (package embedded) and decide nothing that another face would have to decide again.
package cli
