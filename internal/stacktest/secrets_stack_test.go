//go:build stack

package stacktest_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings/awssecrets"
)

// TestSecrets: tasks have connections and variables that Secrets Manager keeps, in functions
// and in containers, and what is secret in them is in no log.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	worker, err := lambda.NewFromConfig(s.AWS).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.Name + "-worker")})
	if err != nil {
		t.Fatal(err)
	}
	c, err := awssecrets.ParseURL(worker.Environment.Variables["UPDRAFT_SECRETS_BACKEND"])
	if err != nil {
		t.Fatalf("deploy with SecretsBackend=secretsmanager, as `make local-test` does: %v", err)
	}
	id, password := fmt.Sprintf("stack_%d", time.Now().UnixNano()), rand.Text()
	client := secretsmanager.NewFromConfig(s.AWS)
	for name, text := range map[string]string{
		c.Connections.Prefix + "/" + id: `{"conn_type": "http", "host": "example.com", "login": "me", "password": "` + password + `"}`,
		c.Variables.Prefix + "/" + id:   "zurich",
	} {
		if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text}); err != nil {
			t.Fatal(err)
		}
		emulatortest.Cleanup(t, "delete secret "+name, func(ctx context.Context) error {
			_, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
			return err
		})
	}
	out := t.TempDir()
	say := func(file string) string {
		return fmt.Sprintf("echo {{ conn.%[1]s.login }}:{{ conn.%[1]s.password }}@{{ var.value.%[1]s }} | tee %[2]s", id, filepath.Join(out, file))
	}
	d := runs(t, s, "stack_secrets", bashTask("function", say("function"), nil, ""), bashTask("container", say("container"), nil, ", executor: fargate"))
	wantSuccess(t, d, 2)
	for _, name := range []string{"function", "container"} {
		body, err := os.ReadFile(filepath.Join(out, name))
		if want := "me:" + password + "@zurich\n"; err != nil || string(body) != want {
			t.Errorf("the task in a %s had %q, want %q: %v", name, body, want, err)
		}
		in := instance(t, d, name)
		text := logOf(t, s, in.Attempt(d.Run.ID))
		if strings.Contains(text+in.Tail, password) || !strings.Contains(text, "me:***@zurich") {
			t.Errorf("the log of the task in a %s has, with the password %s:\n%s", name, password, text)
		}
	}
}

// logOf waits for the log of an attempt that has ended: a worker writes short ones together.
func logOf(t *testing.T, s *stacktest.Stack, a run.Attempt) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		text := new(strings.Builder)
		_, err := s.Logs.Read(ctx, a, 0, text)
		if err == nil {
			return text.String()
		}
		select {
		case <-ctx.Done():
			t.Fatalf("log of %s: %v", a, err)
		case <-look.C:
		}
	}
}
