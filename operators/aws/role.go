package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/updraft-dev/updraft/task"
)

// role is the role that a connection asks to take on.
type role struct {
	arn                                   string
	session, externalID, policy, sourceID string
	duration                              time.Duration
	tokenFile                             string // of a web identity; empty means sts:AssumeRole
}

// notInSession are the characters that no name of a session may have.
var notInSession = regexp.MustCompile(`[^\w+=,.@-]+`)

// readRole reads role_arn and what belongs to it; nil without one.
func readRole(id string, extra map[string]any) (*role, error) {
	arn, _ := extra["role_arn"].(string)
	if arn == "" {
		return nil, nil
	}
	r := &role{arn: arn, session: strings.Trim(notInSession.ReplaceAllString("Airflow_"+id, "-"), "-")}
	kwargs, _ := extra["assume_role_kwargs"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(kwargs)) {
		v := kwargs[name]
		text, isText := v.(string)
		seconds, isNumber := number(v)
		ok := isText
		switch name {
		case "RoleSessionName":
			r.session = text
		case "ExternalId":
			r.externalID = text
		case "Policy":
			r.policy = text
		case "SourceIdentity":
			r.sourceID = text
		case "DurationSeconds":
			r.duration, ok = time.Duration(seconds)*time.Second, isNumber
		default:
			ok = false
		}
		if !ok {
			return nil, task.Misconfigured(fmt.Errorf("connection %s: assume_role_kwargs: %s cannot be used: RoleSessionName, ExternalId, DurationSeconds, Policy and SourceIdentity can", id, name))
		}
	}
	return r, r.method(id, extra)
}

// method reads how the role is taken on.
func (r *role) method(id string, extra map[string]any) error {
	switch m := extra["assume_role_method"]; m {
	case nil, "", "assume_role":
		return nil
	case "assume_role_with_web_identity":
		r.tokenFile, _ = extra["assume_role_with_web_identity_token_file"].(string)
		if extra["assume_role_with_web_identity_federation"] == "file" && r.tokenFile != "" {
			return nil
		}
		return task.Misconfigured(fmt.Errorf("connection %s: assume_role_with_web_identity needs assume_role_with_web_identity_federation: file and assume_role_with_web_identity_token_file", id))
	default:
		return task.Misconfigured(fmt.Errorf("connection %s: assume_role_method %v is not known: use assume_role or assume_role_with_web_identity", id, m))
	}
}

// assume makes the account's credentials those of the role. STS is asked at the endpoint
// that service_config has for it: endpoint_url is not about it, as in Airflow.
func (c *Account) assume(r *role) {
	client := sts.NewFromConfig(c.Config, func(o *sts.Options) {
		only := Account{services: c.services}
		only.Endpoint("sts", &o.BaseEndpoint)
	})
	var p sdk.CredentialsProvider
	if r.tokenFile != "" {
		p = stscreds.NewWebIdentityRoleProvider(client, r.arn, stscreds.IdentityTokenFile(r.tokenFile), func(o *stscreds.WebIdentityRoleOptions) {
			o.RoleSessionName, o.Duration, o.Policy = r.session, r.duration, optional(r.policy)
		})
	} else {
		p = stscreds.NewAssumeRoleProvider(client, r.arn, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName, o.Duration = r.session, r.duration
			o.ExternalID, o.Policy, o.SourceIdentity = optional(r.externalID), optional(r.policy), optional(r.sourceID)
		})
	}
	c.Config.Credentials = sdk.NewCredentialsCache(p)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
