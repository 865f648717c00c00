{{/* The settings of the controller that follow from what the chart makes. */}}
{{- define "updraft.controllerEnv" -}}
- name: UPDRAFT_LISTEN
  value: 0.0.0.0:{{ .Values.ports.controller }}
- name: UPDRAFT_KUBERNETES_POD_TEMPLATE_FILE
  value: /etc/updraft/pod_template.yaml
{{- if .Values.podTemplates }}
- name: UPDRAFT_KUBERNETES_POD_TEMPLATE_FOLDER
  value: /etc/updraft-pod-templates
{{- end }}
- name: UPDRAFT_KUBERNETES_RUNNER_IMAGE
  value: {{ include "updraft.image" (list $ "runner") }}
- name: UPDRAFT_KUBERNETES_IMAGE_PULL_POLICY
  value: {{ .Values.images.runner.pullPolicy }}
- name: UPDRAFT_KUBERNETES_SERVICE_ACCOUNT
  value: {{ include "updraft.serviceAccount" (list $ "task" .Values.workers.kubernetes.serviceAccount) }}
{{- with .Values.settingsSecretName }}
- name: UPDRAFT_KUBERNETES_ENV_FROM_SECRETS
  value: {{ . }}
{{- end }}
{{- end -}}

{{/* What KEDA looks at if the values do not say it: the depth of the queues that the workers serve. */}}
{{- define "updraft.kedaTriggers" -}}
{{- range $queue := splitList "," .Values.workers.queues }}
- type: metrics-api
  metadata:
    url: http://{{ include "updraft.fullname" $ }}-controller.{{ $.Release.Namespace }}.svc:{{ $.Values.ports.controller }}/metrics
    format: prometheus
    valueLocation: updraft_queue_depth{queue="{{ trim $queue }}"}
    targetValue: {{ $.Values.workers.parallelism | default 1 | quote }}
{{- end }}
{{- end -}}

{{/* Refuses an installation whose pods would not find each other, as far as that can be seen. */}}
{{- define "updraft.check" -}}
{{- $given := list -}}
{{- range .Values.env }}{{ $given = append $given .name }}{{ end -}}
{{- range .Values.secret }}{{ $given = append $given .envName }}{{ end -}}
{{- range $name := list "store" "queue" "logs" "key" -}}
{{- $there := or (get $.Values.config $name) (has (printf "UPDRAFT_%s" (upper $name)) $given) $.Values.extraEnvFrom -}}
{{- if eq $name "key" -}}
{{- if not (or $there $.Values.keySecretName) -}}
{{- fail "config.key and keySecretName are empty: say where the pods of this installation find the key (docs/kubernetes.md, Install)" -}}
{{- end -}}
{{- else if not (or $there $.Values.settingsSecretName) -}}
{{- fail (printf "config.%s and settingsSecretName are empty: say where the pods of this installation find the %s (docs/kubernetes.md, Install)" $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
