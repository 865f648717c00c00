module github.com/updraft-dev/updraft/localstack/kube/tools

go 1.26
