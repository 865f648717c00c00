package prices

import (
	"math"
	"testing"
	"time"
)

func TestEstimate(t *testing.T) {
	t.Parallel()
	l, err := USEast1()
	if err != nil {
		t.Fatal(err)
	}
	chained := Task{Attempts: 1, LambdaMemory: 0.5, FargateCPUs: 0.25, FargateMemory: 0.5, Follows: true}
	alone := chained
	alone.Follows = false
	long := alone
	long.Took = 10 * time.Minute
	lambda := func(task Task) float64 {
		dollars, _ := l.OnLambda(task)
		return dollars
	}
	for _, c := range []struct {
		name      string
		got, want float64 // for a million
	}{
		{"follows", lambda(chained), 0.70 + 0.1875 + 0.107 + 0.5 + 0.4},
		{"by itself", lambda(alone), 1.5 + 1.0 + 0.2 + 0.347 + 10 + 0.4},
		{"ten minutes", lambda(long) - lambda(alone), 600 * 0.5 * 13.3334},
		{"two tries", lambda(Task{Attempts: 2, LambdaMemory: 0.5, Follows: true}), 2 * 1.894},
		{"Fargate, a moment", l.OnFargate(alone), 164.58 + 1.5 + 1.0 + 1.2 + 0.02 + 0.4 + 10.4},
		{"run", l.Run(), 8.75 + 3.75 + 1.2 + 0.4 + 1.333},
	} {
		got := c.got * 1e6
		if math.Abs(got-c.want) > 0.01*math.Max(1, c.want) {
			t.Errorf("%s: $%.3f per million, want $%.3f", c.name, got, c.want)
		}
	}
	if _, possible := l.OnLambda(Task{Attempts: 1, Took: MostLambda}); possible {
		t.Error("a function has 15 minutes, and not more")
	}
}
