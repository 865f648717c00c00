{{/* The settings of the controller that follow from what the chart makes. */}}
{{- define "updraft.controllerEnv" -}}
- name: UPDRAFT_LISTEN
  value: 0.0.0.0:{{ .Values.ports.controller }}
- name: UPDRAFT_KUBERNETES_POD_TEMPLATE_FILE
  value: /etc/updraft/pod_template.yaml
- name: UPDRAFT_KUBERNETES_RUNNER_IMAGE
  value: {{ include "updraft.image" (list $ "runner") }}
- name: UPDRAFT_KUBERNETES_IMAGE_PULL_POLICY
  value: {{ .Values.images.runner.pullPolicy }}
- name: UPDRAFT_KUBERNETES_SERVICE_ACCOUNT
  value: {{ include "updraft.serviceAccount" (list $ "task" .Values.workers.kubernetes.serviceAccount) }}
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

{{/* Refuses an installation whose pods would not find each other. */}}
{{- define "updraft.check" -}}
{{- $given := list -}}
{{- range .Values.env }}{{ $given = append $given .name }}{{ end -}}
{{- range .Values.secret }}{{ $given = append $given .envName }}{{ end -}}
{{- $secrets := dict
  "store" (list .Values.data.metadataSecretName "data.metadataSecretName")
  "queue" (list .Values.data.brokerUrlSecretName "data.brokerUrlSecretName")
  "logs" (list "" "secret")
  "key" (list .Values.keySecretName "keySecretName")
-}}
{{- range $name, $secret := $secrets -}}
{{- if not (or (get $.Values.config $name) (index $secret 0) (has (printf "UPDRAFT_%s" (upper $name)) $given) $.Values.extraEnvFrom) -}}
{{- fail (printf "config.%s and %s are empty: say where the pods of this installation find it (docs/kubernetes.md, Install)" $name (index $secret 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
