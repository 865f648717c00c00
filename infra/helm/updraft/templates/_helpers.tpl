{{/* The name of the installation: begins the names of all objects. */}}
{{- define "updraft.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component. Takes (list $ component). */}}
{{- define "updraft.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object of a component. Takes (list $ component). */}}
{{- define "updraft.labels" -}}
{{- $root := index . 0 -}}
{{ include "updraft.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name and labels of an object. Takes (list $ component name). */}}
{{- define "updraft.metadata" -}}
name: {{ index . 2 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "updraft.labels" (list (index . 0) (index . 1)) | nindent 2 }}
{{- end -}}

{{/* An image with its registry. Takes (list $ name), the name in images. */}}
{{- define "updraft.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- $repository := required (printf "images.%s.repository is empty: name the image" (index . 1)) $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s%s@%s" (include "updraft.registry" $root) $repository $image.digest -}}
{{- else -}}
{{- printf "%s%s:%s" (include "updraft.registry" $root) $repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "updraft.registry" -}}
{{- printf "%s/" (required "images.registry is empty: set it to the registry that you pushed Updraft's images to (docs/kubernetes.md, Images)" .Values.images.registry) -}}
{{- end -}}

{{/* The name of the service account of a component. Takes (list $ component serviceAccount). */}}
{{- define "updraft.serviceAccount" -}}
{{- $account := index . 2 -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "updraft.fullname" (index . 0)) (index . 1)) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* Where what every container has comes from: settings, and secrets by their names. */}}
{{- define "updraft.env" -}}
- name: UPDRAFT_HOME
  value: /tmp/updraft
{{- if .Values.keySecretName }}
- name: UPDRAFT_KEY
  value: file:///run/updraft/key/key
{{- end }}
{{- if eq (include "updraft.hasDags" .) "true" }}
- name: UPDRAFT_DAGS
  value: {{ .Values.dags.mountPath }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- range .Values.secret }}
- name: {{ .envName }}
  valueFrom:
    secretKeyRef: {name: {{ .secretName }}, key: {{ .secretKey }}}
{{- end }}
{{- end -}}

{{/* The pods of tasks have the secret from the controller, whatever their template says. */}}
{{- define "updraft.secretEnvFrom" -}}
{{- with .Values.settingsSecretName }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- end -}}

{{- define "updraft.envFrom" -}}
- configMapRef:
    name: {{ include "updraft.fullname" . }}-settings
{{- with .Values.extraEnvFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "updraft.hasDags" -}}
{{- or (ne .Values.dags.configMapName "") .Values.dags.persistence.enabled -}}
{{- end -}}

{{/* What every pod mounts: a place to write to, the key, the DAG files. */}}
{{- define "updraft.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSizeLimit }}
{{- with .Values.keySecretName }}
- name: key
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: key, path: key}
{{- end }}
{{- if .Values.dags.persistence.enabled }}
- name: dags
  persistentVolumeClaim:
    claimName: {{ required "dags.persistence.existingClaim is empty: name the volume claim that has the DAG files" .Values.dags.persistence.existingClaim }}
    readOnly: true
{{- else if .Values.dags.configMapName }}
- name: dags
  configMap:
    name: {{ .Values.dags.configMapName }}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "updraft.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.keySecretName }}
- name: key
  mountPath: /run/updraft/key
  readOnly: true
{{- end }}
{{- if eq (include "updraft.hasDags" .) "true" }}
- name: dags
  mountPath: {{ .Values.dags.mountPath }}
  readOnly: true
  {{- if and .Values.dags.persistence.enabled .Values.dags.persistence.subPath }}
  subPath: {{ .Values.dags.persistence.subPath }}
  {{- end }}
{{- end }}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Security of a pod: restricted, with what the values say over it. Takes (list $ values). */}}
{{- define "updraft.podSecurity" -}}
{{- $root := index . 0 -}}
{{- $base := dict "runAsNonRoot" true "runAsUser" $root.Values.uid "runAsGroup" $root.Values.gid "fsGroup" $root.Values.gid "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- toYaml (mergeOverwrite $base (deepCopy $root.Values.securityContexts.pod) (deepCopy (index . 1).securityContexts.pod)) -}}
{{- end -}}

{{/* Security of a container. Takes (list $ values). */}}
{{- define "updraft.containerSecurity" -}}
{{- $root := index . 0 -}}
{{- $base := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- toYaml (mergeOverwrite $base (deepCopy $root.Values.securityContexts.container) (deepCopy (index . 1).securityContexts.container)) -}}
{{- end -}}

{{/*
Where the pods of a component may run and what else they say of themselves. What the
component does not say, the values for all pods say. Takes (list $ values component); pods
of a component that is not empty keep away from each other.
*/}}
{{- define "updraft.placement" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 -}}
{{- $component := index . 2 -}}
{{- if $root.Values.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "topologySpreadConstraints" }}
{{- with default (index $root.Values $field) (index $own $field) }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with default $root.Values.affinity $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- with $component }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "updraft.selector" (list $root .) | nindent 14 }}
{{- end }}
{{- end }}
{{- with $root.Values.schedulerName }}
schedulerName: {{ . }}
{{- end }}
{{- end -}}

{{/*
The pod of a deployment. Takes a dict: root, component, values (the component's), image (its
name in images), args, env (more variables, as a list), volumes and mounts (more, as lists),
port (of health and metrics, 0 for none).
*/}}
{{- define "updraft.pod" -}}
{{- $root := .root -}}
{{- $own := .values -}}
metadata:
  labels:
    {{- include "updraft.labels" (list $root .component) | nindent 4 }}
    {{- with $own.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/settings: {{ include (print $root.Template.BasePath "/settings.yaml") $root | sha256sum }}
    {{- with .checksum }}
    checksum/pod-template: {{ . }}
    {{- end }}
    {{- with mergeOverwrite (dict) $root.Values.podAnnotations $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "updraft.serviceAccount" (list $root .component $own.serviceAccount) }}
  automountServiceAccountToken: {{ $own.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "updraft.podSecurity" (list $root $own) | nindent 4 }}
  {{- with include "updraft.placement" (list $root $own .component) | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $own.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "updraft.image" (list $root .image) }}
      imagePullPolicy: {{ (index $root.Values.images .image).pullPolicy }}
      args:
        {{- toYaml .args | nindent 8 }}
      env:
        {{- include "updraft.env" $root | nindent 8 }}
        {{- with concat .env $own.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      envFrom:
        {{- include "updraft.envFrom" $root | nindent 8 }}
        {{- with include "updraft.secretEnvFrom" $root | trim }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- if .port }}
      ports:
        - name: metrics
          containerPort: {{ .port }}
      {{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with index $own $probe }}
      {{ $probe }}:
        httpGet:
          path: {{ .path }}
          port: metrics
        {{- omit . "path" | toYaml | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- end }}
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "updraft.containerSecurity" (list $root $own) | nindent 8 }}
      volumeMounts:
        {{- include "updraft.volumeMounts" $root | nindent 8 }}
        {{- with concat .mounts $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $own.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "updraft.volumes" $root | nindent 4 }}
    {{- with concat .volumes $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* A service account. Takes (list $ component serviceAccount). */}}
{{- define "updraft.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "updraft.metadata" (list (index . 0) (index . 1) (include "updraft.serviceAccount" .)) | nindent 2 }}
  {{- with (index . 2).annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: {{ (index . 2).automountServiceAccountToken }}
{{- end -}}

{{/* A disruption budget. Takes (list $ component podDisruptionBudget). */}}
{{- define "updraft.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "updraft.metadata" (list (index . 0) (index . 1) (printf "%s-%s" (include "updraft.fullname" (index . 0)) (index . 1))) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "updraft.selector" (list (index . 0) (index . 1)) | nindent 6 }}
  {{- toYaml (index . 2).config | nindent 2 }}
{{- end -}}
