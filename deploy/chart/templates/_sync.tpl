{{/* What the containers of the background process need beside what all have. */}}
{{- define "demand.syncVolumes" -}}
{{- if .Values.metrics.enabled -}}
# In memory: what is mapped from a full disk ends who writes to it.
- {name: counted-sync, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
- {name: metrics-state, emptyDir: {}}
{{- end }}
{{- end }}

{{/* The containers of the background process: itself, and the server of metrics, which reads what it counts. */}}
{{- define "demand.sync" -}}
- name: web-sync
  {{- include "demand.container" (dict "root" . "of" "web" "process" "web-sync"
        "secrets" (list .Values.secrets.objectStore .Values.secrets.webDatabase) "mayBe" .Values.secrets.mail
        "resources" .Values.web.sync.resources) | nindent 2 }}
  env:
    - {name: HOME, value: /tmp}
    {{- if .Values.metrics.enabled }}
    - {name: PROMETHEUS_MULTIPROC_DIR, value: /run/counted/web-sync}
    {{- end }}
  # It has no port: a file says when its loops were last looked after. /health of the web app names which fails.
  startupProbe: {exec: {command: [python, -m, deploy.health, web-sync]}, periodSeconds: 15, timeoutSeconds: 45, failureThreshold: 20}
  livenessProbe: {exec: {command: [python, -m, deploy.health, web-sync]}, periodSeconds: 60, timeoutSeconds: 45, failureThreshold: 5}
  volumeMounts:
    {{- include "demand.mounts" . | nindent 4 }}
    {{- if .Values.metrics.enabled }}
    - {name: counted-sync, mountPath: /run/counted}
    {{- end }}
{{- if .Values.metrics.enabled }}
- name: metrics
  {{- include "demand.container" (dict "root" . "of" "pipeline" "process" "metrics"
        "secrets" (list .Values.secrets.dagster .Values.secrets.webDatabase .Values.secrets.metrics)
        "resources" .Values.metrics.resources) | nindent 2 }}
  env:
    - {name: HOME, value: /tmp}
    {{- if eq .Values.runs.by "workers" }}
    - {name: RUN_LAUNCHER, value: celery}
    {{- end }}
    - {name: METRICS_PORT, value: "9464"}
    - {name: METRICS_HOST, value: 0.0.0.0}
    - {name: METRICS_COUNTED, value: /run/counted/web-sync}
  ports: [{name: metrics, containerPort: 9464}]
  startupProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 5, failureThreshold: 36}
  readinessProbe: {httpGet: {path: /health/ready, port: metrics}, periodSeconds: 15, timeoutSeconds: 5}
  livenessProbe: {httpGet: {path: /health/live, port: metrics}, periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 5}
  volumeMounts:
    - {name: dataset, mountPath: /etc/demand, readOnly: true}
    - {name: counted-sync, mountPath: /run/counted, readOnly: true}
    - {name: metrics-state, mountPath: /var/lib/demand}
    - {name: tmp, mountPath: /tmp}
{{- end }}
{{- end }}

{{/* Brings the app's database to the image's schema, before the app starts; once, so beside the one background process. */}}
{{- define "demand.migrate" -}}
# Alone with the role that owns the tables.
- name: migrate
  {{- include "demand.container" (dict "root" . "of" "web" "process" "web-migrate"
        "secrets" (list .Values.secrets.webDatabase .Values.secrets.webOwner)
        "resources" .Values.web.migrate.resources) | nindent 2 }}
  env: [{name: HOME, value: /tmp}]
  volumeMounts:
    {{- include "demand.mounts" . | nindent 4 }}
{{- end }}
