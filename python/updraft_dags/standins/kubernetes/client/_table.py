"""What pods are made of: the classes of Kubernetes' client for Python, by their names without V1, and their fields
in the order of its parameters. An exclamation mark is at those that must be given; more of a class is indented."""

TABLE = """
AWSElasticBlockStoreVolumeSource fs_type partition read_only volume_id!
Affinity node_affinity pod_affinity pod_anti_affinity
AppArmorProfile localhost_profile type!
AzureDiskVolumeSource caching_mode disk_name! disk_uri! fs_type kind read_only
AzureFileVolumeSource read_only secret_name! share_name!
CSIVolumeSource driver! fs_type node_publish_secret_ref read_only volume_attributes
Capabilities add drop
CephFSVolumeSource monitors! path read_only secret_file secret_ref user
CinderVolumeSource fs_type read_only secret_ref volume_id!
ClusterTrustBundleProjection label_selector name optional path! signer_name
ConfigMap api_version binary_data data immutable kind metadata
ConfigMapEnvSource name optional
ConfigMapKeySelector key! name optional
ConfigMapProjection items name optional
ConfigMapVolumeSource default_mode items name optional
Container args command env env_from image image_pull_policy lifecycle liveness_probe name! ports readiness_probe resize_policy resources
    restart_policy security_context startup_probe stdin stdin_once termination_message_path termination_message_policy tty volume_devices
    volume_mounts working_dir
ContainerPort container_port! host_ip host_port name protocol
ContainerResizePolicy resource_name! restart_policy!
DownwardAPIProjection items
DownwardAPIVolumeFile field_ref mode path! resource_field_ref
DownwardAPIVolumeSource default_mode items
EmptyDirVolumeSource medium size_limit
EnvFromSource config_map_ref prefix secret_ref
EnvVar name! value value_from
EnvVarSource config_map_key_ref field_ref resource_field_ref secret_key_ref
EphemeralContainer args command env env_from image image_pull_policy lifecycle liveness_probe name! ports readiness_probe resize_policy
    resources restart_policy security_context startup_probe stdin stdin_once target_container_name termination_message_path
    termination_message_policy tty volume_devices volume_mounts working_dir
EphemeralVolumeSource volume_claim_template
ExecAction command
FCVolumeSource fs_type lun read_only target_ww_ns wwids
FlexVolumeSource driver! fs_type options read_only secret_ref
FlockerVolumeSource dataset_name dataset_uuid
GCEPersistentDiskVolumeSource fs_type partition pd_name! read_only
GRPCAction port! service
GitRepoVolumeSource directory repository! revision
GlusterfsVolumeSource endpoints! path! read_only
HTTPGetAction host http_headers path port! scheme
HTTPHeader name! value!
HostAlias hostnames ip!
HostPathVolumeSource path! type
ISCSIVolumeSource chap_auth_discovery chap_auth_session fs_type initiator_name iqn! iscsi_interface lun! portals read_only secret_ref
    target_portal!
ImageVolumeSource pull_policy reference
Job api_version kind metadata spec status
JobSpec active_deadline_seconds backoff_limit backoff_limit_per_index completion_mode completions managed_by manual_selector
    max_failed_indexes parallelism pod_failure_policy pod_replacement_policy selector success_policy suspend template!
    ttl_seconds_after_finished
KeyToPath key! mode path!
LabelSelector match_expressions match_labels
LabelSelectorRequirement key! operator! values
Lifecycle post_start pre_stop
LifecycleHandler _exec http_get sleep tcp_socket
LocalObjectReference name
NFSVolumeSource path! read_only server!
NodeAffinity preferred_during_scheduling_ignored_during_execution required_during_scheduling_ignored_during_execution
NodeSelector node_selector_terms!
NodeSelectorRequirement key! operator! values
NodeSelectorTerm match_expressions match_fields
ObjectFieldSelector api_version field_path!
ObjectMeta annotations creation_timestamp deletion_grace_period_seconds deletion_timestamp finalizers generate_name generation labels
    managed_fields name namespace owner_references resource_version self_link uid
OwnerReference api_version! block_owner_deletion controller kind! name! uid!
PersistentVolumeClaim api_version kind metadata spec status
PersistentVolumeClaimSpec access_modes data_source data_source_ref resources selector storage_class_name volume_attributes_class_name
    volume_mode volume_name
PersistentVolumeClaimTemplate metadata spec!
PersistentVolumeClaimVolumeSource claim_name! read_only
PhotonPersistentDiskVolumeSource fs_type pd_id!
Pod api_version kind metadata spec status
PodAffinity preferred_during_scheduling_ignored_during_execution required_during_scheduling_ignored_during_execution
PodAffinityTerm label_selector match_label_keys mismatch_label_keys namespace_selector namespaces topology_key!
PodAntiAffinity preferred_during_scheduling_ignored_during_execution required_during_scheduling_ignored_during_execution
PodDNSConfig nameservers options searches
PodDNSConfigOption name value
PodFailurePolicy rules!
PodFailurePolicyOnExitCodesRequirement container_name operator! values!
PodFailurePolicyOnPodConditionsPattern status! type!
PodFailurePolicyRule action! on_exit_codes on_pod_conditions
PodOS name!
PodReadinessGate condition_type!
PodResourceClaim name! resource_claim_name resource_claim_template_name
PodSchedulingGate name!
PodSecurityContext app_armor_profile fs_group fs_group_change_policy run_as_group run_as_non_root run_as_user se_linux_options
    seccomp_profile supplemental_groups supplemental_groups_policy sysctls windows_options
PodSpec active_deadline_seconds affinity automount_service_account_token containers! dns_config dns_policy enable_service_links
    ephemeral_containers host_aliases host_ipc host_network host_pid host_users hostname image_pull_secrets init_containers node_name
    node_selector os overhead preemption_policy priority priority_class_name readiness_gates resource_claims restart_policy
    runtime_class_name scheduler_name scheduling_gates security_context service_account service_account_name set_hostname_as_fqdn
    share_process_namespace subdomain termination_grace_period_seconds tolerations topology_spread_constraints volumes
PodTemplate api_version kind metadata template
PodTemplateSpec metadata spec
PortworxVolumeSource fs_type read_only volume_id!
PreferredSchedulingTerm preference! weight!
Probe _exec failure_threshold grpc http_get initial_delay_seconds period_seconds success_threshold tcp_socket
    termination_grace_period_seconds timeout_seconds
ProjectedVolumeSource default_mode sources
QuobyteVolumeSource group read_only registry! tenant user volume!
RBDVolumeSource fs_type image! keyring monitors! pool read_only secret_ref user
ResourceClaim name! request
ResourceFieldSelector container_name divisor resource!
ResourceRequirements claims limits requests
SELinuxOptions level role type user
ScaleIOVolumeSource fs_type gateway! protection_domain read_only secret_ref! ssl_enabled storage_mode storage_pool system! volume_name
SeccompProfile localhost_profile type!
Secret api_version data immutable kind metadata string_data type
SecretEnvSource name optional
SecretKeySelector key! name optional
SecretProjection items name optional
SecretVolumeSource default_mode items optional secret_name
SecurityContext allow_privilege_escalation app_armor_profile capabilities privileged proc_mount read_only_root_filesystem run_as_group
    run_as_non_root run_as_user se_linux_options seccomp_profile windows_options
ServiceAccountTokenProjection audience expiration_seconds path!
SleepAction seconds!
StorageOSVolumeSource fs_type read_only secret_ref volume_name volume_namespace
SuccessPolicy rules!
SuccessPolicyRule succeeded_count succeeded_indexes
Sysctl name! value!
TCPSocketAction host port!
Toleration effect key operator toleration_seconds value
TopologySpreadConstraint label_selector match_label_keys max_skew! min_domains node_affinity_policy node_taints_policy topology_key!
    when_unsatisfiable!
TypedLocalObjectReference api_group kind! name!
TypedObjectReference api_group kind! name! namespace
Volume aws_elastic_block_store azure_disk azure_file cephfs cinder config_map csi downward_api empty_dir ephemeral fc flex_volume flocker
    gce_persistent_disk git_repo glusterfs host_path image iscsi name! nfs persistent_volume_claim photon_persistent_disk portworx_volume
    projected quobyte rbd scale_io secret storageos vsphere_volume
VolumeDevice device_path! name!
VolumeMount mount_path! mount_propagation name! read_only recursive_read_only sub_path sub_path_expr
VolumeProjection cluster_trust_bundle config_map downward_api secret service_account_token
VolumeResourceRequirements limits requests
VsphereVirtualDiskVolumeSource fs_type storage_policy_id storage_policy_name volume_path!
WeightedPodAffinityTerm pod_affinity_term! weight!
WindowsSecurityContextOptions gmsa_credential_spec gmsa_credential_spec_name host_process run_as_user_name
"""
