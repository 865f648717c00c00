package dagfile

import (
	"fmt"
	"strings"
	"testing"
)

// sample is a file of one DAG with n tasks.
func sample(n int) []byte {
	var b strings.Builder
	b.WriteString("pipe:\n  schedule: \"@daily\"\n  start_date: 2024-01-01\n  catchup: false\n  default_args: {owner: x, retries: 2}\n  tasks:\n")
	for i := range n {
		fmt.Fprintf(&b, "    task_%d:\n      operator: airflow.providers.standard.operators.bash.BashOperator\n      bash_command: \"echo {{ ds }} %d\"\n      env: {A: \"1\"}\n", i, i)
		if i > 0 {
			fmt.Fprintf(&b, "      dependencies: [task_%d]\n", i-1)
		}
	}
	return []byte(b.String())
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, o := sample(n), Options{File: "pipe.yml", Catalog: testCatalog()}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(src, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
