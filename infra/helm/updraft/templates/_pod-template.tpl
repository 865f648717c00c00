{{/* The template of the pods of tasks, as workers.kubernetes describes them. */}}
{{- define "updraft.podTemplate" -}}
{{- $own := .Values.workers.kubernetes -}}
apiVersion: v1
kind: Pod
metadata:
  labels:
    app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/component: task
    {{- with mergeOverwrite (dict) .Values.labels $own.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $own.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "updraft.serviceAccount" (list . "task" $own.serviceAccount) }}
  automountServiceAccountToken: {{ or $own.serviceAccount.automountServiceAccountToken .Values.allowPodLaunching }}
  enableServiceLinks: false
  restartPolicy: Never
  securityContext:
    {{- include "updraft.podSecurity" (list . $own) | nindent 4 }}
  {{- with include "updraft.placement" (list . $own "") | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $own.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $own.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: base
      image: {{ include "updraft.image" (list . "pod_template") }}
      imagePullPolicy: {{ .Values.images.pod_template.pullPolicy }}
      env:
        {{- include "updraft.env" . | nindent 8 }}
        {{- with $own.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      envFrom:
        {{- include "updraft.envFrom" . | nindent 8 }}
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "updraft.containerSecurity" (list . $own) | nindent 8 }}
      volumeMounts:
        {{- include "updraft.volumeMounts" . | nindent 8 }}
        {{- with $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $own.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "updraft.volumes" . | nindent 4 }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
