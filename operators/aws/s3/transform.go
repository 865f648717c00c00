package s3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// maxPut is the largest object that can be written at once.
const maxPut = 5 << 30

// transform executes an S3FileTransformOperator.
func transform(ctx context.Context, a *task.Attempt) (task.Result, error) {
	from, e1 := only(a, "source_s3_key")
	to, e2 := only(a, "dest_s3_key")
	script, e3 := task.Get(a, "transform_script", "")
	more, e4 := task.Get(a, "script_args", []any(nil))
	replace, e5 := task.Get(a, "replace", false)
	if err := errors.Join(e1, e2, e3, e4, e5); err != nil {
		return task.Result{}, err
	}
	switch {
	case a.Args["select_expression"] != nil:
		return task.Result{}, task.Misconfigured(errors.New("select_expression: AWS does not offer S3 Select to new users any more: filter in transform_script"))
	case script == "":
		return task.Result{}, task.Misconfigured(errors.New("transform_script is missing: name a program"))
	}
	dir, err := os.MkdirTemp("", "updraft-s3-")
	if err != nil {
		return task.Result{}, fmt.Errorf("make a folder for the files: %w", err)
	}
	defer os.RemoveAll(dir)
	source, dest := filepath.Join(dir, "source"), filepath.Join(dir, "dest")
	if err := download(ctx, a, from, source); err != nil {
		return task.Result{}, err
	}
	if err := os.WriteFile(dest, nil, 0o600); err != nil { // as in Airflow it is there before
		return task.Result{}, fmt.Errorf("make the file to write: %w", err)
	}
	argv := []string{script, source, dest}
	for _, m := range more {
		argv = append(argv, fmt.Sprint(m))
	}
	if err := execute(ctx, a, argv); err != nil {
		return task.Result{}, err
	}
	return task.Result{}, upload(ctx, a, dest, to, replace)
}

// only reads the location of an argument that has to be a URL.
func only(a *task.Attempt, arg string) (location, error) {
	text, err := task.Get(a, arg, "")
	if err != nil {
		return location{}, err
	}
	l, err := parseURL(text)
	if err != nil {
		return l, task.Misconfigured(fmt.Errorf("argument %s: %w", arg, err))
	}
	return l, nil
}

func download(ctx context.Context, a *task.Attempt, from location, path string) error {
	s, err := openAs(ctx, a, aws.Names{Connection: "source_aws_conn_id", Verify: "source_verify"})
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	a.Log.InfoContext(ctx, "downloading "+from.String())
	err = s.read(ctx, from, f)
	return errors.Join(err, f.Close())
}

func execute(ctx context.Context, a *task.Attempt, argv []string) error {
	if a.Processes == nil {
		return task.Misconfigured(errors.New("transform_script: this worker starts no processes"))
	}
	env := append(append([]string(nil), a.Environ...), a.Env()...)
	exit, err := a.Processes.Exec(ctx, task.Command{
		Attempt: a.Key, Argv: argv, Env: env, Dir: a.Dir, Output: a.Output, Grace: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("start transform_script: %w", err)
	}
	if err := exit.Err(0); err != nil {
		return fmt.Errorf("transform_script: %w", err)
	}
	return nil
}

func upload(ctx context.Context, a *task.Attempt, path string, to location, replace bool) error {
	f, err := os.Open(path)
	switch {
	case os.IsNotExist(err):
		return errors.New("transform_script has removed the file that its second argument names")
	case err != nil:
		return fmt.Errorf("read what transform_script wrote: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxPut {
		return task.Fatal(fmt.Errorf("transform_script wrote %d bytes: at most %d can be uploaded at once; use `aws s3 cp` in a Bash task", info.Size(), maxPut))
	}
	s, err := openAs(ctx, a, aws.Names{Connection: "dest_aws_conn_id", Verify: "dest_verify"})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.put(ctx, a, to, &api.PutObjectInput{Body: f}, replace)
}
