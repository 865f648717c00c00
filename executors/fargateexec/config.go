package fargateexec

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// What Config has by default.
const (
	// DefaultContainer is the name of the container that executes attempts.
	DefaultContainer = "worker"
	// DefaultRate is how many tasks Fargate lets an account start per second in the long
	// run (service quotas of Fargate: 20, and 100 at once).
	DefaultRate = 20
	// DefaultParallel is how many tasks are started at the same time.
	DefaultParallel = 10
)

// Config says where and how tasks run.
type Config struct {
	AWS     aws.Config
	Cluster string
	// TaskDefinition is a family, a family with a revision, or an ARN. It gives the image
	// (whose entry point is the worker), the roles, the log, and the size of tasks that ask
	// for none.
	TaskDefinition string
	// Container is the one that executes attempts; DefaultContainer if empty.
	Container string
	// Subnets and SecurityGroups are what tasks are attached to. With PublicIP each has an
	// address of its own, which it needs in subnets without a NAT gateway or endpoints.
	Subnets        []string
	SecurityGroups []string
	PublicIP       bool
	// PlatformVersion is Fargate's; empty for the latest.
	PlatformVersion string
	// Spot takes Fargate Spot where there is capacity, unless a task forbids it or has been
	// interrupted before. The cluster must have the capacity provider FARGATE_SPOT.
	Spot bool
	// Tags are added to those of the attempt.
	Tags map[string]string
	// Parallelism is how many attempts may be queued or running at once; 0 is without bound.
	Parallelism int
	// Rate is how many tasks are started per second; 0 means DefaultRate.
	Rate float64
	// Parallel is how many are started at the same time; 0 means DefaultParallel.
	Parallel int
}

// ParseURL reads a configuration from a URL such as
// ecs://CLUSTER/TASK_DEFINITION?subnets=a,b&security_groups=c&public_ip=true&spot=true,
// with platform, container and rate besides. AWS and the rest are the caller's.
func ParseURL(raw string) (Config, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	path, query, _ := strings.Cut(rest, "?")
	cluster, definition, _ := strings.Cut(path, "/")
	if scheme != "ecs" || cluster == "" || definition == "" {
		return Config{}, fmt.Errorf("fargate: %q: write ecs://CLUSTER/TASK_DEFINITION?subnets=…", raw)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, fmt.Errorf("fargate: %q: %w", raw, err)
	}
	cfg := Config{Cluster: cluster, TaskDefinition: definition}
	for key, list := range values {
		v := list[len(list)-1]
		var err error
		switch key {
		case "subnets":
			cfg.Subnets = strings.Split(v, ",")
		case "security_groups":
			cfg.SecurityGroups = strings.Split(v, ",")
		case "public_ip":
			cfg.PublicIP, err = strconv.ParseBool(v)
		case "spot":
			cfg.Spot, err = strconv.ParseBool(v)
		case "platform":
			cfg.PlatformVersion = v
		case "container":
			cfg.Container = v
		case "rate":
			cfg.Rate, err = strconv.ParseFloat(v, 64)
		default:
			err = errors.New("there is no such option: use subnets, security_groups, public_ip, spot, platform, container, rate")
		}
		if err != nil {
			return Config{}, fmt.Errorf("fargate: %s=%s: %w", key, v, err)
		}
	}
	return cfg, cfg.check()
}

func (c *Config) check() error {
	switch {
	case c.Cluster == "":
		return errors.New("fargate needs a cluster: write ecs://CLUSTER/TASK_DEFINITION?subnets=…")
	case c.TaskDefinition == "":
		return errors.New("fargate needs a task definition: write ecs://CLUSTER/TASK_DEFINITION?subnets=…")
	case len(c.Subnets) == 0 || slices.Contains(c.Subnets, ""):
		return errors.New("fargate needs subnets: add ?subnets=subnet-1,subnet-2")
	case len(c.Subnets) > 16 || len(c.SecurityGroups) > 5: // ECS API reference, AwsVpcConfiguration
		return fmt.Errorf("fargate: %d subnets and %d security groups: ECS takes 16 and 5", len(c.Subnets), len(c.SecurityGroups))
	case c.Rate < 0 || c.Parallel < 0 || c.Parallelism < 0:
		return errors.New("fargate: rate, parallel or parallelism is negative: use positive numbers, or 0 for the default")
	}
	return nil
}

func (c *Config) setDefaults() {
	if c.Container == "" {
		c.Container = DefaultContainer
	}
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Parallel == 0 {
		c.Parallel = DefaultParallel
	}
}
