package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/s3logs"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// Drivers are those of AWS.
func Drivers(a *Account) embedded.Drivers {
	type (
		ctx  = context.Context
		opts = *embedded.Options
	)
	return embedded.Join(embedded.Workers(), embedded.Drivers{
		Stores:    map[string]func(ctx, string, opts) (store.Store, error){"dynamodb": a.store},
		Logs:      map[string]func(ctx, string, opts) (embedded.Objects, error){"s3": a.logs},
		Queues:    map[string]func(ctx, string, opts) (embedded.Queues, error){"sqs": a.queues},
		Keys:      map[string]func(ctx, string, opts) (*settings.Keys, error){"secretsmanager": a.keys},
		Sources:   map[string]func(ctx, string, opts) (embedded.Source, error){"s3": a.source},
		Executors: map[string]func(ctx, opts) (executors.Dispatcher, error){lambdaexec.Name: a.lambda, fargate: a.fargate, executors.Auto: a.auto},
		Rules:     map[string]func(opts) (routeexec.Rule, error){executors.Auto: Rule, lambdaexec.Name: only(lambdaexec.Name), fargate: only(fargate)},
	})
}

func (a *Account) store(ctx context.Context, url string, o *embedded.Options) (store.Store, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := dynamostore.ParseURL(url)
	if err != nil {
		return nil, err
	}
	c.Retention, c.Now = o.Config.Duration("run_retention"), o.Now
	return dynamostore.Open(ctx, cfg, c)
}

// logs keeps logs and large XComs in a bucket of S3.
func (a *Account) logs(ctx context.Context, url string, o *embedded.Options) (embedded.Objects, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return embedded.Objects{}, err
	}
	c, err := s3logs.ParseURL(url)
	if err != nil {
		return embedded.Objects{}, err
	}
	c.Logs = LogsConfig(o)
	l, err := s3logs.Open(cfg, c)
	if err != nil {
		return embedded.Objects{}, err
	}
	b, err := s3logs.OpenBucket(cfg, c)
	return embedded.Objects{Logs: l, XComs: BucketXComs(b, c.Prefix)}, err
}

// LogsConfig is how an installation keeps logs in a bucket.
func LogsConfig(o *embedded.Options) logs.Config {
	return logs.Config{MaxSize: int64(o.Config.Int("log_max_bytes")), PackTime: objects.DefaultPackTime}
}

func (a *Account) source(ctx context.Context, url string, o *embedded.Options) (embedded.Source, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := s3logs.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("setting dag_source: %w", err)
	}
	b, err := s3logs.OpenBucket(cfg, c)
	if err != nil {
		return nil, err
	}
	return newSource(b, c.Prefix, url), nil
}

// planQueue is the name of the queue that schedulers are called by.
const planQueue = "plan"

// Queues are the names of the queues that an installation has, without their prefix: that of
// schedulers, that of tasks that name none, and, if the settings name these places, those of
// tasks for Fargate, for Kubernetes, and for the long-lived pods there.
func Queues() []string {
	return []string{planQueue, dag.DefaultQueue, fargate, executors.Kubernetes, kubeevent.WarmQueue}
}

// wakeTime bounds a call of a scheduler: what is lost by it, the next tick finds.
const wakeTime = 10 * time.Second

// queues opens queues of SQS, whose names begin with a prefix.
func (a *Account) queues(ctx context.Context, url string, o *embedded.Options) (embedded.Queues, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return embedded.Queues{}, err
	}
	base, err := sqsqueue.ParseURL(url)
	if err != nil {
		return embedded.Queues{}, err
	}
	base.AWS, base.Log = cfg, o.Log
	prefix := base.Name
	open := func(ctx context.Context, name string) (*queue.Queue, error) {
		c := base
		c.Name = prefix + "-" + name
		return sqsqueue.Open(ctx, c)
	}
	p := &planner{open: func(ctx context.Context) (*queue.Queue, error) { return open(ctx, planQueue) }, o: o}
	return embedded.Queues{Open: open, Wake: p.wake}, nil
}

// Receiver reads what queues push to this function, as those who send to them wrote it.
func (a *Account) Receiver(ctx context.Context, f *embedded.Function) (*sqsqueue.Receiver, error) {
	cfg, err := a.Config(ctx)
	if err != nil {
		return nil, err
	}
	c, err := sqsqueue.ParseURL(f.Config.Text("queue"))
	if err != nil {
		return nil, fmt.Errorf("setting queue: %w", err)
	}
	return sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg, PayloadsURL: c.PayloadsURL, Log: f.Log}), nil
}

// planner calls schedulers by a queue, which it opens when it is first needed.
type planner struct {
	open func(context.Context) (*queue.Queue, error)
	o    *embedded.Options
	q    onceQueue
}

// wake sends word of a run. It returns when it is sent: the process may be frozen after.
func (p *planner) wake(id run.ID, after time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), wakeTime)
	defer cancel()
	q, err := p.q.get(ctx, p.open)
	if err == nil {
		m := queue.Message{Envelope: queue.Envelope{Kind: queue.KindPlan}, Delay: min(after, queue.MaxDelay)}
		m.Attempt.ID, m.Attempt.Map = id, run.Unmapped
		err = q.Send(ctx, m)[0]
	}
	if err != nil {
		p.o.Log.WarnContext(ctx, "calling a scheduler; the next tick finds what there is to do", "dag", id.DAG, "run", id.Run, "error", err)
	}
}

// keys reads the keys that seal connections and variables from Secrets Manager.
func (a *Account) keys(ctx context.Context, url string, o *embedded.Options) (*settings.Keys, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(url, "secretsmanager://")
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(name)})
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", url, awsconf.Explain(err))
	}
	return settings.ParseKeys(keyText(aws.ToString(out.SecretString)), url)
}

// keyText is a secret as keys are written: lines of base64, which it may be already. The
// template has Secrets Manager make it, which knows no base64: 43 random letters and digits
// in JSON, which are the base64 of 32 bytes but for the = at the end.
func keyText(secret string) string {
	var made struct {
		Key string `json:"key"`
	}
	if json.Unmarshal([]byte(secret), &made) == nil && made.Key != "" {
		return made.Key + "="
	}
	return secret
}
