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

// readParameter is what only the setting secrets_backend has programs do.
const readParameter = "ssm:GetParameter"

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

// secretFolders are the ARNs below which the setting secrets_backend has secrets looked up,
// by the action that does so.
func (s *Stack) secretFolders() (map[string][]string, error) {
	setting := s.secretsSetting()
	if setting == nil || *setting == "" {
		return nil, nil
	}
	c, err := awssecrets.ParseURL(*setting)
	if err != nil {
		return nil, fmt.Errorf("setting secrets_backend is %q: %w", *setting, err)
	}
	action, arn := "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:"+region+":"+accountID+":secret:"
	if c.Service == awssecrets.ParameterStore {
		action, arn = readParameter, "arn:aws:ssm:"+region+":"+accountID+":parameter/"
	}
	return map[string][]string{action: {arn + c.Connections.Prefix, arn + c.Variables.Prefix}}, nil
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
		for action, always := range map[string][]string{"secretsmanager:GetSecretValue": key, readParameter: nil} {
			var got, want []string
			for _, g := range s.grants(role) {
				if g.action == action {
					got = append(got, g.resources...)
				}
			}
			if len(got) == 0 && !having[role] {
				continue // it reads no key either
			}
			want = append(want, always...)
			if having[role] {
				for _, folder := range folders[action] {
					want = append(want, folder+"/*")
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
				faults = append(faults, fmt.Errorf("%s may do %s on other secrets than the setting secrets_backend names (-code +template):\n%s", role, action, diff))
			}
		}
	}
	return errors.Join(faults...)
}
