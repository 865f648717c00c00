# shellcheck shell=bash
# Keys, certificates and what clients are given of them. Sourced after settings.bash. There
# is one authority; clients are known by common name and organisation.
# shellcheck disable=SC2154 # run, kube_ip, …

# key NAME: a private key.
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2> /dev/null; }

# certificate NAME SUBJECT [ALTERNATIVE-NAMES]: a key and its certificate.
certificate() {
  key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr" 2> /dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" -extfile <(
    echo 'extendedKeyUsage=clientAuth,serverAuth'
    [ -z "${3:-}" ] || echo "subjectAltName=$3"
  ) 2> /dev/null
  rm "$1.csr"
}

# kubeconfig FILE USER: where the API server is, and the user as a flow mapping of YAML.
kubeconfig() {
  cat > "$1" << END
apiVersion: v1
kind: Config
clusters: [{name: kube, cluster: {server: "https://$kube_ip:$kube_port", certificate-authority-data: $(base64 -w0 "$run/pki/ca.crt")}}]
users: [{name: user, user: $2}]
contexts: [{name: kube, context: {cluster: kube, user: user, namespace: default}}]
current-context: kube
END
}

# by_certificate NAME: the user of that certificate.
by_certificate() {
  printf '{client-certificate-data: %s, client-key-data: %s}' "$(base64 -w0 "$run/pki/$1.crt")" "$(base64 -w0 "$run/pki/$1.key")"
}

# make_certificates: all of them, for nobody but root to read. A subshell: the mask is for
# the keys only.
make_certificates() (
  umask 077
  mkdir -p "$run"/{pki,etc}
  cd "$run/pki" || exit
  key ca
  openssl req -x509 -new -key ca.key -subj /CN=kube-test -days 3650 -out ca.crt 2> /dev/null
  key sa # signs the tokens of service accounts
  openssl ec -in sa.key -pubout -out sa.pub 2> /dev/null
  local machine=IP:127.0.0.1,IP:$node_ip name
  certificate apiserver /CN=kube-apiserver "IP:$kube_ip,$machine,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
  certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver
  certificate kubelet "/O=system:nodes/CN=system:node:$node" "$machine,DNS:$node"
  certificate kube-controller-manager /CN=system:kube-controller-manager
  certificate kube-scheduler /CN=system:kube-scheduler
  certificate admin /O=system:masters/CN=admin
  for name in kubelet kube-controller-manager kube-scheduler; do
    kubeconfig "$run/etc/$name.kubeconfig" "$(by_certificate "$name")"
  done
  kubeconfig "$admin" "$(by_certificate admin)"
)
