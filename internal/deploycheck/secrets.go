package deploycheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/settings/awssecrets"
)

const readSecret = "secretsmanager:GetSecretValue"

// environment is what a function has in its environment beside what all have.
func (s *Stack) environment(id string) map[string]string {
	env, _ := dig(s.Resources[id].Properties, "Environment", "Variables").(map[string]any)
	out := map[string]string{}
	for name, value := range env {
		out[name] = text(value)
	}
	return out
}

// secretsSetting is the setting secrets_backend of the functions that have it; nil if none
// does.
func (s *Stack) secretsSetting() *string {
	for _, id := range s.of("AWS::Serverless::Function") {
		if v, ok := s.environment(id)[config.EnvName("secrets_backend")]; ok {
			return &v
		}
	}
	return nil
}

// secretFolders are the ARNs below which the setting secrets_backend has secrets looked up.
func (s *Stack) secretFolders() ([]string, error) {
	setting := s.secretsSetting()
	if setting == nil || *setting == "" {
		return nil, nil
	}
	c, err := awssecrets.ParseURL(*setting)
	if err == nil && c.Service != awssecrets.SecretsManager {
		err = errors.New("functions read no other service than Secrets Manager")
	}
	if err != nil {
		return nil, fmt.Errorf("setting secrets_backend is %q: %w", *setting, err)
	}
	arn := "arn:aws:secretsmanager:" + region + ":" + accountID + ":secret:"
	return []string{arn + c.Connections.Prefix, arn + c.Variables.Prefix}, nil
}

// CheckSecrets holds the roles against the setting secrets_backend: who has it may read what
// it names, and nobody may read other secrets but the key.
func (s *Stack) CheckSecrets() error {
	folders, err := s.secretFolders()
	faults := []error{err}
	key := []string{}
	for _, id := range s.of("AWS::SecretsManager::Secret") {
		key = append(key, s.arn(id))
	}
	having := map[string]bool{}
	for _, id := range s.of("AWS::Serverless::Function") {
		_, has := s.environment(id)[config.EnvName("secrets_backend")]
		having[s.role(id)] = having[s.role(id)] || has
	}
	for _, id := range s.of("AWS::ECS::TaskDefinition") {
		having[s.role(id)] = true // deploy-check holds its environment against theirs
	}
	for _, role := range s.of("AWS::IAM::Role") {
		var got []string
		for _, g := range s.grants(role) {
			if g.action == readSecret {
				got = append(got, g.resources...)
			}
		}
		want := slices.Clone(key)
		if having[role] {
			for _, folder := range folders {
				want = append(want, folder+"/*")
			}
		} else if len(got) == 0 {
			continue // it reads no key either
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
			faults = append(faults, fmt.Errorf("%s may read other secrets than the setting secrets_backend names (-code +template):\n%s", role, diff))
		}
	}
	return errors.Join(faults...)
}
