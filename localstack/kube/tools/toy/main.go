// Command toy is what pods of tests run: it does one small thing that a task might, named
// by its first argument.
//
//	toy echo WORD...             prints them
//	toy exit CODE
//	toy sleep SECONDS
//	toy alloc MIB                takes that much memory, and waits
//	toy fill FILE MIB            writes that much, and waits
//	toy burn SECONDS             uses one processor
//	toy trap SECONDS             says when SIGTERM comes, and ends that much later
//	toy cp FROM TO               makes TO executable
//	toy id                       prints its user and group
//	toy serve ADDRESS TEXT       answers every request with it
//	toy get URL                  prints status and body
//	toy forward LISTEN TARGET    copies connections
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mebibyte is the unit in which memory and files are asked for.
const mebibyte = 1 << 20

// commands are what it can do, with the number of arguments; -1 is any.
var commands = map[string]struct {
	arguments int
	do        func(args []string) error
}{
	"echo": {-1, func(args []string) error {
		_, err := fmt.Println(strings.Join(args, " "))
		return err
	}},
	"exit": {1, func(args []string) error {
		code, err := strconv.Atoi(args[0])
		if err == nil {
			os.Exit(code)
		}
		return err
	}},
	"sleep": {1, func(args []string) error {
		d, err := seconds(args[0])
		time.Sleep(d)
		return err
	}},
	"alloc":   {1, func(args []string) error { return alloc(args[0]) }},
	"fill":    {2, func(args []string) error { return fill(args[0], args[1]) }},
	"burn":    {1, func(args []string) error { return burn(args[0]) }},
	"trap":    {1, func(args []string) error { return trap(args[0]) }},
	"cp":      {2, func(args []string) error { return cp(args[0], args[1]) }},
	"id":      {0, func([]string) error { _, err := fmt.Println("uid", os.Getuid(), "gid", os.Getgid()); return err }},
	"serve":   {2, func(args []string) error { return serve(args[0], args[1]) }},
	"get":     {1, func(args []string) error { return get(args[0]) }},
	"forward": {2, func(args []string) error { return forward(args[0], args[1]) }},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toy:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("its first argument says what to do: echo, exit, sleep, alloc, fill, burn, trap, cp, id, serve, get or forward")
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("unknown: %s", args[0])
	}
	if n := len(args) - 1; command.arguments >= 0 && n != command.arguments {
		return fmt.Errorf("%s takes %d arguments, not %d", args[0], command.arguments, n)
	}
	if err := command.do(args[1:]); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

func seconds(s string) (time.Duration, error) {
	n, err := strconv.ParseFloat(s, 64)
	return time.Duration(n * float64(time.Second)), err
}

func alloc(size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	var keep [][]byte
	for range n {
		b := make([]byte, mebibyte)
		for i := range b {
			b[i] = byte(i) // memory that is not touched is not taken
		}
		keep = append(keep, b)
	}
	fmt.Println("allocated", len(keep), "MiB")
	time.Sleep(time.Hour)
	return nil
}

func fill(file, size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	for range n {
		if _, err := f.Write(make([]byte, mebibyte)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Println("wrote", n, "MiB")
	time.Sleep(time.Hour)
	return nil
}

func burn(length string) error {
	d, err := seconds(length)
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return err
}

func trap(after string) error {
	d, err := seconds(after)
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("waiting")
	fmt.Println("got", <-term)
	time.Sleep(d)
	fmt.Println("leaving")
	return nil
}

func cp(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
