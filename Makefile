# Updraft. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
UPDRAFT_HOME ?= $(CURDIR)/.updraft
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL := $(GO) tool -modfile=go.tools.mod
# What programs and tests have in common is compiled once, wherever the checkout lies.
export CGO_ENABLED ?= 0
export GOFLAGS ?= -trimpath

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/updraft
	@mkdir -p bin
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/updraft ./cmd/updraft
	$(GO) build -o bin/weatherapi ./cmd/weatherapi

.PHONY: run
run: build ## run the two sample pipelines, in YAML and as Airflow's Python, and show what happened
	@UPDRAFT_HOME='$(UPDRAFT_HOME)' UPDRAFT_DAGS='$(CURDIR)/dags' \
	  AIRFLOW_CONN_WEATHER_DB='{"conn_type":"sqlite","host":"$(UPDRAFT_HOME)/weather.db"}' \
	  bin/weatherapi -- bin/updraft run dags/simple_dag.yaml dags/weather_data_pipeline.yaml \
	    dags/simple_dag.py dags/weather_data_pipeline.py

.PHONY: test
test: ## run the tests (Go, make and Python 3 are enough)
	$(GO) test ./...

.PHONY: race
race: ## run the tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -vet=off ./... # make lint vets

.PHONY: conformance
conformance: ## replay the recorded answers of Airflow [DIR=folder]
	$(GO) run ./internal/conformance/cmd/conformance $(DIR)

.PHONY: lint
lint: ## vet, gofmt and golangci-lint
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not gofmt'd: $$unformatted"; exit 1; }
	$(GO) vet ./...
	@set -e; for tags in emulator,postgres,mysql stack kubernetes,outage,helm; do \
	  echo "$(GO) vet -tags $$tags ./..."; $(GO) vet -tags $$tags ./...; done # what needs a server must build at least
	$(TOOL) golangci-lint run

.PHONY: tidy
tidy: ## fail if go.mod or go.sum are not tidy
	$(GO) mod tidy -diff

.PHONY: check
check: tidy lint test race conformance ## everything that CI checks beside fuzzing and benchmarks

.PHONY: bench
bench: build ## measure, write bench/results, fail when a count is above its gate
	$(GO) run ./internal/bench

.PHONY: bench-aws
bench-aws: ## count what runs cost on AWS, on DynamoDB Local; fail when a count is above its gate
	localstack/up dynamodb
	@set -a; . "$${STATE:-.local}/env"; set +a; UPDRAFT_BENCH_RESULT='$(CURDIR)/internal/bench/results/aws.json' \
	  $(GO) test -count=1 -v -tags emulator -run '^TestW11$$' ./internal/bench/awsbench

.PHONY: mutate
mutate: ## make mistakes in the planner: its tests must notice each (10 minutes)
	$(GO) run ./internal/mutate

# A count, not a time: when a time is over, the fuzzer of Go before 1.27 now and then calls
# that a failure (go.dev/issue/75804). Each input of dag/pyfile costs a Python process.
FUZZCOUNT ?= 40000
.PHONY: fuzz
fuzz: ## fuzz every parser with FUZZCOUNT inputs each
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  count='$(FUZZCOUNT)'; if [ "$$dir" = ./dag/pyfile ]; then count=$$((count / 40 + 1)); fi; \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go | cut -d' ' -f2); do \
	    echo "== $$dir $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime "$${count}x" -fuzzminimizetime 50x $$dir; done; done

# The functions of template.yaml; `sam build` calls these targets with ARTIFACTS_DIR.
FUNCTION_FLAGS := -tags lambda.norpc -trimpath -ldflags '-s -w -X main.release=$(VERSION)'
FUNCTION_ARCH ?= $(or $(GOARCH),arm64)
build-Scheduler: FUNCTION = scheduler
build-Worker build-LargeWorker: FUNCTION = worker
build-DagProcessor: FUNCTION = dagprocessor
build-Events: FUNCTION = events
build-Api: FUNCTION = api
build-FargateDispatcher: FUNCTION = fargate
FUNCTION_TARGETS := build-Scheduler build-Worker build-LargeWorker build-DagProcessor build-Events build-Api build-FargateDispatcher
.PHONY: $(FUNCTION_TARGETS)
$(FUNCTION_TARGETS):
	@test -n '$(ARTIFACTS_DIR)' || { echo 'ARTIFACTS_DIR says where the function goes: sam build sets it'; exit 2; }
	CGO_ENABLED=0 GOOS=linux GOARCH=$(FUNCTION_ARCH) $(GO) build $(FUNCTION_FLAGS) \
	  -o '$(ARTIFACTS_DIR)/bootstrap' ./functions/$(FUNCTION)
	install -m 755 infra/functions/exec '$(ARTIFACTS_DIR)/exec'

.PHONY: deploy-check
deploy-check: ## compare template.yaml with the code: keys, settings, queues, permissions
	$(GO) run ./internal/deploycheck/cmd/deploycheck

.PHONY: sizes
sizes: ## build functions and updraft; fail when one is too large, or allocates too much when it starts
	$(GO) run ./internal/sizes $(FUNCTION_FLAGS)

TASK_IMAGE ?= updraft-task:$(VERSION)
.PHONY: task-image
task-image: ## build the container of Fargate tasks [TASK_IMAGE=name FUNCTION_ARCH=arm64|amd64]
	docker build --platform linux/$(FUNCTION_ARCH) --build-arg VERSION='$(VERSION)' -f infra/images/task/Dockerfile -t '$(TASK_IMAGE)' .

KUBE_REGISTRY ?= updraft.local
.PHONY: kube-images
kube-images: ## build the images of the chart [KUBE_REGISTRY=name VERSION=tag FUNCTION_ARCH=arm64|amd64 PUSH=1]
	@set -e; for image in kube:updraft-kube runner:updraft-runner updraft:updraft ; do \
	  name='$(KUBE_REGISTRY)'/$${image#*:}:'$(VERSION)'; echo "== $$name"; \
	  docker build --platform linux/$(FUNCTION_ARCH) --build-arg VERSION='$(VERSION)' -f infra/images/$${image%%:*}/Dockerfile -t "$$name" .; \
	  if [ -n '$(PUSH)' ]; then docker push "$$name"; fi; done

.PHONY: chart-test
chart-test: ## render and lint the chart of Kubernetes (builds Helm the first time: 5 minutes)
	$(GO) vet -tags helm ./infra/helm
	$(GO) test -count=1 -tags helm ./infra/helm

.PHONY: local-up
local-up: ## start the local AWS of docs/local-aws.md [PARTS=part ...]
	localstack/up $(PARTS)

.PHONY: local-down
local-down: ## stop it and remove its data [PARTS=part ...]
	localstack/down $(PARTS)

.PHONY: local-test
local-test: ## put template.yaml on the local AWS and run the sample DAGs and more through it
	FAULTS=yes localstack/up localstack faults
	localstack/deploy WorkerRuntime=provided.al2023 SecretsBackend=secretsmanager
	@set -a; . $${STATE:-.local}/env; $(GO) test -count=1 -tags stack -skip '^TestFaults$$' ./dags ./internal/stacktest && \
	  $(GO) test -count=1 -tags stack -run '^TestFaults$$' ./internal/stacktest

.PHONY: second-opinion
second-opinion: ## put template.yaml on ministack, another local AWS, and run through it what that one can
	localstack/up ministack
	EMULATOR=ministack localstack/deploy WorkerRuntime=provided.al2023 SecretsBackend=secretsmanager
	@set -a; . "$${STATE:-.local}/run/ministack.env"; $(GO) test -count=1 -tags stack -skip '^(TestFaults|TestFargate|TestSecrets)$$' ./internal/stacktest

.PHONY: emulator-test
emulator-test: local-up ## run the tests that need the local AWS [PKG=packages]
	@from=$$SECONDS; packages="$(PKG)"; set -a; . "$${STATE:-.local}/env"; set +a; \
	  [ -n "$$packages" ] || packages=$$(git ls-files -co --exclude-standard '*_emulator_test.go' ':!operators/docker' | xargs -n1 dirname | sort -u | sed 's,^,./,'); \
	  $(GO) vet -tags emulator $$packages && $(GO) test -count=1 -tags emulator $$packages && \
	  echo "tests with emulators passed in $$((SECONDS - from)) s"

.PHONY: kube-up
kube-up: ## start the Kubernetes of docs/local-kubernetes.md (Linux, root, Debian's packages)
	@file=$$(localstack/kube/up) && echo "use it with: export KUBECONFIG=$$file"

.PHONY: kube-down
kube-down: ## stop it; programs and images stay
	@localstack/kube/down

.PHONY: kube-test
kube-test: ## run the tests that need a Kubernetes [PKG=packages KUBECONFIG=another cluster's KIND=name]
	@localstack/kube/test $(PKG)

.PHONY: docs
docs: ## write the generated parts of docs/
	$(GO) run ./internal/gendocs

.PHONY: clean
clean: ## remove what was built and the sample installation
	rm -rf bin .updraft
