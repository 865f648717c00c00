// Command deploycheck compares template.yaml with the code, permissions included.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/updraft-dev/updraft/internal/deploycheck"
)

func main() { os.Exit(run()) }

func run() int {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	t, err := deploycheck.ReadTemplate(deploycheck.TemplateFile(root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploycheck:", err)
		return 1
	}
	operations, programs, err := t.CheckCalls(root)
	if err = errors.Join(t.CheckContract(root), err); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("template.yaml is what the code expects: %d programs with %d operations of AWS, each allowed, and nothing else\n", programs, operations)
	return 0
}
