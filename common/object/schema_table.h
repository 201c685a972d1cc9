// schema_table: the rows of schema.c, from the OpenAPI and the Go types of Kubernetes 1.34.4.
//
// Types that have nothing to say are left out, and so are status and requests that nobody stores.
// Of a kind with several versions the newest stable one stands here. Included by schema.c only.
//
// Threads: any; constants.
#pragma once

#include "common/object/listkeys.h"
#include "common/object/schema.h"

// clang-format off

// A rule is named by its place here, from 1.
static const struct cm_list_rule rules[] = {
    /* 1 */ {.type = CM_LIST_MAP, .keys = {"containerPort", "protocol"}, .defaults = {NULL, "TCP"}},
    /* 2 */ {.type = CM_LIST_MAP, .keys = {"devicePath"}},
    /* 3 */ {.type = CM_LIST_MAP, .keys = {"ip"}},
    /* 4 */ {.type = CM_LIST_MAP, .keys = {"mountPath"}},
    /* 5 */ {.type = CM_LIST_MAP, .keys = {"name"}},
    /* 6 */ {.type = CM_LIST_MAP, .keys = {"port", "protocol"}, .defaults = {NULL, "TCP"}},
    /* 7 */ {.type = CM_LIST_MAP, .keys = {"rule"}},
    /* 8 */ {.type = CM_LIST_MAP, .keys = {"topologyKey", "whenUnsatisfiable"}},
    /* 9 */ {.type = CM_LIST_MAP, .keys = {"uid"}},
    /* 10 */ {.type = CM_LIST_SET},
};

// Name, type of what is below (0: nothing known), rule, flags.
static const struct field fields[] = {
    // 1: Unknown
    {"metadata", 244, 0, 0},
    // 2: MatchResources
    {"namespaceSelector", 243, 0, 0},
    {"objectSelector", 243, 0, 0},
    // 3: MutatingWebhook
    {"matchConditions", 0, 5, 0},
    {"namespaceSelector", 243, 0, 0},
    {"objectSelector", 243, 0, 0},
    // 4: MutatingWebhookConfiguration
    {"metadata", 244, 0, 0},
    {"webhooks", 3, 5, 0},
    // 5: ParamKind
    {"apiVersion", 0, 0, EMPTY},
    {"kind", 0, 0, EMPTY},
    // 6: ParamRef
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    // 7: ValidatingAdmissionPolicy
    {"metadata", 244, 0, 0},
    {"spec", 10, 0, 0},
    // 8: ValidatingAdmissionPolicyBinding
    {"metadata", 244, 0, 0},
    {"spec", 9, 0, 0},
    // 9: ValidatingAdmissionPolicyBindingSpec
    {"matchResources", 2, 0, 0},
    {"paramRef", 6, 0, 0},
    {"policyName", 0, 0, EMPTY},
    {"validationActions", 0, 10, REPLACED},
    // 10: ValidatingAdmissionPolicySpec
    {"matchConditions", 0, 5, 0},
    {"matchConstraints", 2, 0, 0},
    {"paramKind", 5, 0, 0},
    {"validations", 13, 0, 0},
    {"variables", 0, 5, 0},
    // 11: ValidatingWebhook
    {"matchConditions", 0, 5, 0},
    {"namespaceSelector", 243, 0, 0},
    {"objectSelector", 243, 0, 0},
    // 12: ValidatingWebhookConfiguration
    {"metadata", 244, 0, 0},
    {"webhooks", 11, 5, 0},
    // 13: Validation
    {"message", 0, 0, EMPTY},
    {"messageExpression", 0, 0, EMPTY},
    // 14: ApplyConfiguration
    {"expression", 0, 0, EMPTY},
    // 15: JSONPatch
    {"expression", 0, 0, EMPTY},
    // 16: MatchResources
    {"namespaceSelector", 243, 0, 0},
    {"objectSelector", 243, 0, 0},
    // 17: MutatingAdmissionPolicy
    {"metadata", 244, 0, 0},
    {"spec", 20, 0, 0},
    // 18: MutatingAdmissionPolicyBinding
    {"metadata", 244, 0, 0},
    {"spec", 19, 0, 0},
    // 19: MutatingAdmissionPolicyBindingSpec
    {"matchResources", 16, 0, 0},
    {"paramRef", 23, 0, 0},
    {"policyName", 0, 0, EMPTY},
    // 20: MutatingAdmissionPolicySpec
    {"matchConditions", 0, 5, 0},
    {"matchConstraints", 16, 0, 0},
    {"mutations", 21, 0, 0},
    {"paramKind", 22, 0, 0},
    {"reinvocationPolicy", 0, 0, EMPTY},
    // 21: Mutation
    {"applyConfiguration", 14, 0, 0},
    {"jsonPatch", 15, 0, 0},
    // 22: ParamKind
    {"apiVersion", 0, 0, EMPTY},
    {"kind", 0, 0, EMPTY},
    // 23: ParamRef
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    // 24: DaemonSet
    {"metadata", 244, 0, 0},
    {"spec", 25, 0, 0},
    // 25: DaemonSetSpec
    {"minReadySeconds", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    {"template", 135, 0, 0},
    {"updateStrategy", 26, 0, 0},
    // 26: DaemonSetUpdateStrategy
    {"type", 0, 0, EMPTY},
    // 27: Deployment
    {"metadata", 244, 0, 0},
    {"spec", 28, 0, 0},
    // 28: DeploymentSpec
    {"minReadySeconds", 0, 0, EMPTY},
    {"paused", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    {"strategy", 29, 0, 0},
    {"template", 135, 0, 0},
    // 29: DeploymentStrategy
    {"type", 0, 0, EMPTY},
    // 30: ReplicaSet
    {"metadata", 244, 0, 0},
    {"spec", 31, 0, 0},
    // 31: ReplicaSetSpec
    {"minReadySeconds", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    {"template", 135, 0, 0},
    // 32: StatefulSet
    {"metadata", 244, 0, 0},
    {"spec", 34, 0, 0},
    // 33: StatefulSetPersistentVolumeClaimRetentionPolicy
    {"whenDeleted", 0, 0, EMPTY},
    {"whenScaled", 0, 0, EMPTY},
    // 34: StatefulSetSpec
    {"minReadySeconds", 0, 0, EMPTY},
    {"persistentVolumeClaimRetentionPolicy", 33, 0, 0},
    {"podManagementPolicy", 0, 0, EMPTY},
    {"selector", 243, 0, 0},
    {"template", 135, 0, 0},
    {"updateStrategy", 35, 0, 0},
    {"volumeClaimTemplates", 119, 0, 0},
    // 35: StatefulSetUpdateStrategy
    {"type", 0, 0, EMPTY},
    // 36: ContainerResourceMetricSource
    {"target", 45, 0, 0},
    // 37: CrossVersionObjectReference
    {"apiVersion", 0, 0, EMPTY},
    // 38: ExternalMetricSource
    {"metric", 43, 0, 0},
    {"target", 45, 0, 0},
    // 39: HPAScalingRules
    {"tolerance", 0, 0, QUANTITY},
    // 40: HorizontalPodAutoscaler
    {"metadata", 244, 0, 0},
    {"spec", 42, 0, 0},
    // 41: HorizontalPodAutoscalerBehavior
    {"scaleDown", 39, 0, 0},
    {"scaleUp", 39, 0, 0},
    // 42: HorizontalPodAutoscalerSpec
    {"behavior", 41, 0, 0},
    {"metrics", 44, 0, 0},
    {"scaleTargetRef", 37, 0, 0},
    // 43: MetricIdentifier
    {"selector", 243, 0, 0},
    // 44: MetricSpec
    {"containerResource", 36, 0, 0},
    {"external", 38, 0, 0},
    {"object", 46, 0, 0},
    {"pods", 47, 0, 0},
    {"resource", 48, 0, 0},
    // 45: MetricTarget
    {"averageValue", 0, 0, QUANTITY},
    {"value", 0, 0, QUANTITY},
    // 46: ObjectMetricSource
    {"describedObject", 37, 0, 0},
    {"metric", 43, 0, 0},
    {"target", 45, 0, 0},
    // 47: PodsMetricSource
    {"metric", 43, 0, 0},
    {"target", 45, 0, 0},
    // 48: ResourceMetricSource
    {"target", 45, 0, 0},
    // 49: CronJob
    {"metadata", 244, 0, 0},
    {"spec", 50, 0, 0},
    // 50: CronJobSpec
    {"concurrencyPolicy", 0, 0, EMPTY},
    {"jobTemplate", 53, 0, 0},
    // 51: Job
    {"metadata", 244, 0, 0},
    {"spec", 52, 0, 0},
    // 52: JobSpec
    {"podFailurePolicy", 54, 0, 0},
    {"selector", 243, 0, 0},
    {"template", 135, 0, 0},
    // 53: JobTemplateSpec
    {"metadata", 244, 0, 0},
    {"spec", 52, 0, 0},
    // 54: PodFailurePolicy
    {"rules", 56, 0, 0},
    // 55: PodFailurePolicyOnExitCodesRequirement
    {"values", 0, 10, REPLACED},
    // 56: PodFailurePolicyRule
    {"onExitCodes", 55, 0, 0},
    // 57: ClusterTrustBundle
    {"metadata", 244, 0, 0},
    {"spec", 58, 0, 0},
    // 58: ClusterTrustBundleSpec
    {"signerName", 0, 0, EMPTY},
    // 59: AWSElasticBlockStoreVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"partition", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    // 60: Affinity
    {"podAffinity", 126, 0, 0},
    {"podAntiAffinity", 128, 0, 0},
    // 61: AzureFilePersistentVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 62: AzureFileVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 63: CSIPersistentVolumeSource
    {"controllerExpandSecretRef", 156, 0, 0},
    {"controllerPublishSecretRef", 156, 0, 0},
    {"fsType", 0, 0, EMPTY},
    {"nodeExpandSecretRef", 156, 0, 0},
    {"nodePublishSecretRef", 156, 0, 0},
    {"nodeStageSecretRef", 156, 0, 0},
    {"readOnly", 0, 0, EMPTY},
    // 64: CSIVolumeSource
    {"nodePublishSecretRef", 110, 0, 0},
    // 65: CephFSPersistentVolumeSource
    {"path", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretFile", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    {"user", 0, 0, EMPTY},
    // 66: CephFSVolumeSource
    {"path", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretFile", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    {"user", 0, 0, EMPTY},
    // 67: CinderPersistentVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    // 68: CinderVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    // 69: ClusterTrustBundleProjection
    {"labelSelector", 243, 0, 0},
    // 70: ConfigMap
    {"metadata", 244, 0, 0},
    // 71: ConfigMapEnvSource
    {"name", 0, 0, EMPTY},
    // 72: ConfigMapKeySelector
    {"name", 0, 0, EMPTY},
    // 73: ConfigMapNodeConfigSource
    {"resourceVersion", 0, 0, EMPTY},
    {"uid", 0, 0, EMPTY},
    // 74: ConfigMapProjection
    {"name", 0, 0, EMPTY},
    // 75: ConfigMapVolumeSource
    {"name", 0, 0, EMPTY},
    // 76: Container
    {"env", 89, 5, 0},
    {"envFrom", 88, 0, 0},
    {"image", 0, 0, EMPTY},
    {"imagePullPolicy", 0, 0, EMPTY},
    {"lifecycle", 105, 0, 0},
    {"livenessProbe", 137, 0, 0},
    {"ports", 77, 1, 0},
    {"readinessProbe", 137, 0, 0},
    {"resources", 148, 0, 0},
    {"restartPolicyRules", 78, 0, 0},
    {"securityContext", 158, 0, 0},
    {"startupProbe", 137, 0, 0},
    {"stdin", 0, 0, EMPTY},
    {"stdinOnce", 0, 0, EMPTY},
    {"terminationMessagePath", 0, 0, EMPTY},
    {"terminationMessagePolicy", 0, 0, EMPTY},
    {"tty", 0, 0, EMPTY},
    {"volumeDevices", 0, 2, 0},
    {"volumeMounts", 171, 4, 0},
    {"workingDir", 0, 0, EMPTY},
    // 77: ContainerPort
    {"hostIP", 0, 0, EMPTY},
    {"hostPort", 0, 0, EMPTY},
    {"name", 0, 0, EMPTY},
    {"protocol", 0, 0, EMPTY},
    // 78: ContainerRestartRule
    {"action", 0, 0, EMPTY},
    {"exitCodes", 79, 0, 0},
    // 79: ContainerRestartRuleOnExitCodes
    {"operator", 0, 0, EMPTY},
    {"values", 0, 10, REPLACED},
    // 80: DownwardAPIProjection
    {"items", 81, 0, 0},
    // 81: DownwardAPIVolumeFile
    {"fieldRef", 116, 0, 0},
    {"resourceFieldRef", 145, 0, 0},
    // 82: DownwardAPIVolumeSource
    {"items", 81, 0, 0},
    // 83: EmptyDirVolumeSource
    {"medium", 0, 0, EMPTY},
    {"sizeLimit", 0, 0, QUANTITY},
    // 84: EndpointAddress
    {"hostname", 0, 0, EMPTY},
    {"targetRef", 117, 0, 0},
    // 85: EndpointPort
    {"name", 0, 0, EMPTY},
    {"protocol", 0, 0, EMPTY},
    // 86: EndpointSubset
    {"addresses", 84, 0, 0},
    {"notReadyAddresses", 84, 0, 0},
    {"ports", 85, 0, 0},
    // 87: Endpoints
    {"metadata", 244, 0, 0},
    {"subsets", 86, 0, 0},
    // 88: EnvFromSource
    {"configMapRef", 71, 0, 0},
    {"prefix", 0, 0, EMPTY},
    {"secretRef", 153, 0, 0},
    // 89: EnvVar
    {"value", 0, 0, EMPTY},
    {"valueFrom", 90, 0, 0},
    // 90: EnvVarSource
    {"configMapKeyRef", 72, 0, 0},
    {"fieldRef", 116, 0, 0},
    {"resourceFieldRef", 145, 0, 0},
    {"secretKeyRef", 154, 0, 0},
    // 91: EphemeralContainer
    {"env", 89, 5, 0},
    {"envFrom", 88, 0, 0},
    {"image", 0, 0, EMPTY},
    {"imagePullPolicy", 0, 0, EMPTY},
    {"lifecycle", 105, 0, 0},
    {"livenessProbe", 137, 0, 0},
    {"ports", 77, 1, 0},
    {"readinessProbe", 137, 0, 0},
    {"resources", 148, 0, 0},
    {"restartPolicyRules", 78, 0, 0},
    {"securityContext", 158, 0, 0},
    {"startupProbe", 137, 0, 0},
    {"stdin", 0, 0, EMPTY},
    {"stdinOnce", 0, 0, EMPTY},
    {"targetContainerName", 0, 0, EMPTY},
    {"terminationMessagePath", 0, 0, EMPTY},
    {"terminationMessagePolicy", 0, 0, EMPTY},
    {"tty", 0, 0, EMPTY},
    {"volumeDevices", 0, 2, 0},
    {"volumeMounts", 171, 4, 0},
    {"workingDir", 0, 0, EMPTY},
    // 92: EphemeralVolumeSource
    {"volumeClaimTemplate", 121, 0, 0},
    // 93: FCVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    // 94: FlexPersistentVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    // 95: FlexVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    // 96: FlockerVolumeSource
    {"datasetName", 0, 0, EMPTY},
    {"datasetUUID", 0, 0, EMPTY},
    // 97: GCEPersistentDiskVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"partition", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    // 98: GitRepoVolumeSource
    {"directory", 0, 0, EMPTY},
    {"revision", 0, 0, EMPTY},
    // 99: GlusterfsPersistentVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 100: GlusterfsVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 101: HTTPGetAction
    {"host", 0, 0, EMPTY},
    {"path", 0, 0, EMPTY},
    {"scheme", 0, 0, EMPTY},
    // 102: ISCSIPersistentVolumeSource
    {"chapAuthDiscovery", 0, 0, EMPTY},
    {"chapAuthSession", 0, 0, EMPTY},
    {"fsType", 0, 0, EMPTY},
    {"iscsiInterface", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    // 103: ISCSIVolumeSource
    {"chapAuthDiscovery", 0, 0, EMPTY},
    {"chapAuthSession", 0, 0, EMPTY},
    {"fsType", 0, 0, EMPTY},
    {"iscsiInterface", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    // 104: ImageVolumeSource
    {"pullPolicy", 0, 0, EMPTY},
    {"reference", 0, 0, EMPTY},
    // 105: Lifecycle
    {"postStart", 106, 0, 0},
    {"preStop", 106, 0, 0},
    // 106: LifecycleHandler
    {"httpGet", 101, 0, 0},
    {"tcpSocket", 166, 0, 0},
    // 107: LimitRange
    {"metadata", 244, 0, 0},
    {"spec", 109, 0, 0},
    // 108: LimitRangeItem
    {"default", 0, 0, QUANTITIES},
    {"defaultRequest", 0, 0, QUANTITIES},
    {"max", 0, 0, QUANTITIES},
    {"maxLimitRequestRatio", 0, 0, QUANTITIES},
    {"min", 0, 0, QUANTITIES},
    // 109: LimitRangeSpec
    {"limits", 108, 0, 0},
    // 110: LocalObjectReference
    {"name", 0, 0, EMPTY},
    // 111: NFSVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 112: Namespace
    {"metadata", 244, 0, 0},
    // 113: Node
    {"metadata", 244, 0, 0},
    {"spec", 115, 0, 0},
    // 114: NodeConfigSource
    {"configMap", 73, 0, 0},
    // 115: NodeSpec
    {"configSource", 114, 0, 0},
    {"externalID", 0, 0, EMPTY},
    {"podCIDR", 0, 0, EMPTY},
    {"podCIDRs", 0, 10, 0},
    {"providerID", 0, 0, EMPTY},
    {"taints", 167, 0, 0},
    {"unschedulable", 0, 0, EMPTY},
    // 116: ObjectFieldSelector
    {"apiVersion", 0, 0, EMPTY},
    // 117: ObjectReference
    {"apiVersion", 0, 0, EMPTY},
    {"fieldPath", 0, 0, EMPTY},
    {"kind", 0, 0, EMPTY},
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    {"resourceVersion", 0, 0, EMPTY},
    {"uid", 0, 0, EMPTY},
    // 118: PersistentVolume
    {"metadata", 244, 0, 0},
    {"spec", 123, 0, 0},
    // 119: PersistentVolumeClaim
    {"metadata", 244, 0, 0},
    {"spec", 120, 0, 0},
    // 120: PersistentVolumeClaimSpec
    {"resources", 173, 0, 0},
    {"selector", 243, 0, 0},
    {"volumeName", 0, 0, EMPTY},
    // 121: PersistentVolumeClaimTemplate
    {"metadata", 244, 0, 0},
    {"spec", 120, 0, 0},
    // 122: PersistentVolumeClaimVolumeSource
    {"readOnly", 0, 0, EMPTY},
    // 123: PersistentVolumeSpec
    {"awsElasticBlockStore", 59, 0, 0},
    {"azureFile", 61, 0, 0},
    {"capacity", 0, 0, QUANTITIES},
    {"cephfs", 65, 0, 0},
    {"cinder", 67, 0, 0},
    {"claimRef", 117, 0, 0},
    {"csi", 63, 0, 0},
    {"fc", 93, 0, 0},
    {"flexVolume", 94, 0, 0},
    {"flocker", 96, 0, 0},
    {"gcePersistentDisk", 97, 0, 0},
    {"glusterfs", 99, 0, 0},
    {"iscsi", 102, 0, 0},
    {"nfs", 111, 0, 0},
    {"persistentVolumeReclaimPolicy", 0, 0, EMPTY},
    {"photonPersistentDisk", 124, 0, 0},
    {"portworxVolume", 136, 0, 0},
    {"quobyte", 139, 0, 0},
    {"rbd", 140, 0, 0},
    {"scaleIO", 150, 0, 0},
    {"storageClassName", 0, 0, EMPTY},
    {"storageos", 164, 0, 0},
    {"vsphereVolume", 174, 0, 0},
    // 124: PhotonPersistentDiskVolumeSource
    {"fsType", 0, 0, EMPTY},
    // 125: Pod
    {"metadata", 244, 0, 0},
    {"spec", 133, 0, 0},
    // 126: PodAffinity
    {"preferredDuringSchedulingIgnoredDuringExecution", 175, 0, 0},
    {"requiredDuringSchedulingIgnoredDuringExecution", 127, 0, 0},
    // 127: PodAffinityTerm
    {"labelSelector", 243, 0, 0},
    {"namespaceSelector", 243, 0, 0},
    // 128: PodAntiAffinity
    {"preferredDuringSchedulingIgnoredDuringExecution", 175, 0, 0},
    {"requiredDuringSchedulingIgnoredDuringExecution", 127, 0, 0},
    // 129: PodCertificateProjection
    {"certificateChainPath", 0, 0, EMPTY},
    {"credentialBundlePath", 0, 0, EMPTY},
    {"keyPath", 0, 0, EMPTY},
    {"keyType", 0, 0, EMPTY},
    {"signerName", 0, 0, EMPTY},
    // 130: PodDNSConfig
    {"options", 131, 0, 0},
    // 131: PodDNSConfigOption
    {"name", 0, 0, EMPTY},
    // 132: PodSecurityContext
    {"seLinuxOptions", 149, 0, 0},
    // 133: PodSpec
    {"affinity", 60, 0, 0},
    {"containers", 76, 5, 0},
    {"dnsConfig", 130, 0, 0},
    {"dnsPolicy", 0, 0, EMPTY},
    {"ephemeralContainers", 91, 5, 0},
    {"hostAliases", 0, 3, 0},
    {"hostIPC", 0, 0, EMPTY},
    {"hostNetwork", 0, 0, EMPTY},
    {"hostPID", 0, 0, EMPTY},
    {"hostname", 0, 0, EMPTY},
    {"imagePullSecrets", 110, 5, 0},
    {"initContainers", 76, 5, 0},
    {"nodeName", 0, 0, EMPTY},
    {"nodeSelector", 0, 0, ATOMIC},
    {"overhead", 0, 0, QUANTITIES},
    {"priorityClassName", 0, 0, EMPTY},
    {"resourceClaims", 0, 5, 0},
    {"resources", 148, 0, 0},
    {"restartPolicy", 0, 0, EMPTY},
    {"schedulerName", 0, 0, EMPTY},
    {"schedulingGates", 0, 5, 0},
    {"securityContext", 132, 0, 0},
    {"serviceAccount", 0, 0, EMPTY},
    {"serviceAccountName", 0, 0, EMPTY},
    {"subdomain", 0, 0, EMPTY},
    {"tolerations", 168, 0, 0},
    {"topologySpreadConstraints", 169, 8, 0},
    {"volumes", 170, 5, 0},
    // 134: PodTemplate
    {"metadata", 244, 0, 0},
    {"template", 135, 0, 0},
    // 135: PodTemplateSpec
    {"metadata", 244, 0, 0},
    {"spec", 133, 0, 0},
    // 136: PortworxVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    // 137: Probe
    {"failureThreshold", 0, 0, EMPTY},
    {"httpGet", 101, 0, 0},
    {"initialDelaySeconds", 0, 0, EMPTY},
    {"periodSeconds", 0, 0, EMPTY},
    {"successThreshold", 0, 0, EMPTY},
    {"tcpSocket", 166, 0, 0},
    {"timeoutSeconds", 0, 0, EMPTY},
    // 138: ProjectedVolumeSource
    {"sources", 172, 0, 0},
    // 139: QuobyteVolumeSource
    {"group", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"tenant", 0, 0, EMPTY},
    {"user", 0, 0, EMPTY},
    // 140: RBDPersistentVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"keyring", 0, 0, EMPTY},
    {"pool", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    {"user", 0, 0, EMPTY},
    // 141: RBDVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"keyring", 0, 0, EMPTY},
    {"pool", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    {"user", 0, 0, EMPTY},
    // 142: ReplicationController
    {"metadata", 244, 0, 0},
    {"spec", 143, 0, 0},
    // 143: ReplicationControllerSpec
    {"minReadySeconds", 0, 0, EMPTY},
    {"selector", 0, 0, ATOMIC},
    {"template", 135, 0, 0},
    // 144: ResourceClaim
    {"request", 0, 0, EMPTY},
    // 145: ResourceFieldSelector
    {"containerName", 0, 0, EMPTY},
    {"divisor", 0, 0, QUANTITY},
    // 146: ResourceQuota
    {"metadata", 244, 0, 0},
    {"spec", 147, 0, 0},
    // 147: ResourceQuotaSpec
    {"hard", 0, 0, QUANTITIES},
    // 148: ResourceRequirements
    {"claims", 144, 5, REPLACED},
    {"limits", 0, 0, QUANTITIES},
    {"requests", 0, 0, QUANTITIES},
    // 149: SELinuxOptions
    {"level", 0, 0, EMPTY},
    {"role", 0, 0, EMPTY},
    {"type", 0, 0, EMPTY},
    {"user", 0, 0, EMPTY},
    // 150: ScaleIOPersistentVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"protectionDomain", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 156, 0, 0},
    {"sslEnabled", 0, 0, EMPTY},
    {"storageMode", 0, 0, EMPTY},
    {"storagePool", 0, 0, EMPTY},
    {"volumeName", 0, 0, EMPTY},
    // 151: ScaleIOVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"protectionDomain", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    {"sslEnabled", 0, 0, EMPTY},
    {"storageMode", 0, 0, EMPTY},
    {"storagePool", 0, 0, EMPTY},
    {"volumeName", 0, 0, EMPTY},
    // 152: Secret
    {"metadata", 244, 0, 0},
    {"type", 0, 0, EMPTY},
    // 153: SecretEnvSource
    {"name", 0, 0, EMPTY},
    // 154: SecretKeySelector
    {"name", 0, 0, EMPTY},
    // 155: SecretProjection
    {"name", 0, 0, EMPTY},
    // 156: SecretReference
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    // 157: SecretVolumeSource
    {"secretName", 0, 0, EMPTY},
    // 158: SecurityContext
    {"seLinuxOptions", 149, 0, 0},
    // 159: Service
    {"metadata", 244, 0, 0},
    {"spec", 163, 0, 0},
    // 160: ServiceAccount
    {"imagePullSecrets", 110, 0, 0},
    {"metadata", 244, 0, 0},
    {"secrets", 117, 5, 0},
    // 161: ServiceAccountTokenProjection
    {"audience", 0, 0, EMPTY},
    // 162: ServicePort
    {"name", 0, 0, EMPTY},
    {"nodePort", 0, 0, EMPTY},
    {"protocol", 0, 0, EMPTY},
    // 163: ServiceSpec
    {"clusterIP", 0, 0, EMPTY},
    {"externalName", 0, 0, EMPTY},
    {"externalTrafficPolicy", 0, 0, EMPTY},
    {"healthCheckNodePort", 0, 0, EMPTY},
    {"loadBalancerIP", 0, 0, EMPTY},
    {"ports", 162, 6, 0},
    {"publishNotReadyAddresses", 0, 0, EMPTY},
    {"selector", 0, 0, ATOMIC},
    {"sessionAffinity", 0, 0, EMPTY},
    {"type", 0, 0, EMPTY},
    // 164: StorageOSPersistentVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 117, 0, 0},
    {"volumeName", 0, 0, EMPTY},
    {"volumeNamespace", 0, 0, EMPTY},
    // 165: StorageOSVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"readOnly", 0, 0, EMPTY},
    {"secretRef", 110, 0, 0},
    {"volumeName", 0, 0, EMPTY},
    {"volumeNamespace", 0, 0, EMPTY},
    // 166: TCPSocketAction
    {"host", 0, 0, EMPTY},
    // 167: Taint
    {"value", 0, 0, EMPTY},
    // 168: Toleration
    {"effect", 0, 0, EMPTY},
    {"key", 0, 0, EMPTY},
    {"operator", 0, 0, EMPTY},
    {"value", 0, 0, EMPTY},
    // 169: TopologySpreadConstraint
    {"labelSelector", 243, 0, 0},
    // 170: Volume
    {"awsElasticBlockStore", 59, 0, 0},
    {"azureFile", 62, 0, 0},
    {"cephfs", 66, 0, 0},
    {"cinder", 68, 0, 0},
    {"configMap", 75, 0, 0},
    {"csi", 64, 0, 0},
    {"downwardAPI", 82, 0, 0},
    {"emptyDir", 83, 0, 0},
    {"ephemeral", 92, 0, 0},
    {"fc", 93, 0, 0},
    {"flexVolume", 95, 0, 0},
    {"flocker", 96, 0, 0},
    {"gcePersistentDisk", 97, 0, 0},
    {"gitRepo", 98, 0, 0},
    {"glusterfs", 100, 0, 0},
    {"image", 104, 0, 0},
    {"iscsi", 103, 0, 0},
    {"nfs", 111, 0, 0},
    {"persistentVolumeClaim", 122, 0, 0},
    {"photonPersistentDisk", 124, 0, 0},
    {"portworxVolume", 136, 0, 0},
    {"projected", 138, 0, 0},
    {"quobyte", 139, 0, 0},
    {"rbd", 141, 0, 0},
    {"scaleIO", 151, 0, 0},
    {"secret", 157, 0, 0},
    {"storageos", 165, 0, 0},
    {"vsphereVolume", 174, 0, 0},
    // 171: VolumeMount
    {"readOnly", 0, 0, EMPTY},
    {"subPath", 0, 0, EMPTY},
    {"subPathExpr", 0, 0, EMPTY},
    // 172: VolumeProjection
    {"clusterTrustBundle", 69, 0, 0},
    {"configMap", 74, 0, 0},
    {"downwardAPI", 80, 0, 0},
    {"podCertificate", 129, 0, 0},
    {"secret", 155, 0, 0},
    {"serviceAccountToken", 161, 0, 0},
    // 173: VolumeResourceRequirements
    {"limits", 0, 0, QUANTITIES},
    {"requests", 0, 0, QUANTITIES},
    // 174: VsphereVirtualDiskVolumeSource
    {"fsType", 0, 0, EMPTY},
    {"storagePolicyID", 0, 0, EMPTY},
    {"storagePolicyName", 0, 0, EMPTY},
    // 175: WeightedPodAffinityTerm
    {"podAffinityTerm", 127, 0, 0},
    // 176: Endpoint
    {"addresses", 0, 10, REPLACED},
    {"targetRef", 117, 0, 0},
    // 177: EndpointSlice
    {"endpoints", 176, 0, 0},
    {"metadata", 244, 0, 0},
    // 178: FlowSchema
    {"metadata", 244, 0, 0},
    {"spec", 179, 0, 0},
    // 179: FlowSchemaSpec
    {"rules", 181, 0, 0},
    // 180: NonResourcePolicyRule
    {"nonResourceURLs", 0, 10, REPLACED},
    {"verbs", 0, 10, REPLACED},
    // 181: PolicyRulesWithSubjects
    {"nonResourceRules", 180, 0, 0},
    {"resourceRules", 183, 0, 0},
    // 182: PriorityLevelConfiguration
    {"metadata", 244, 0, 0},
    // 183: ResourcePolicyRule
    {"apiGroups", 0, 10, REPLACED},
    {"clusterScope", 0, 0, EMPTY},
    {"namespaces", 0, 10, REPLACED},
    {"resources", 0, 10, REPLACED},
    {"verbs", 0, 10, REPLACED},
    // 184: HTTPIngressPath
    {"backend", 189, 0, 0},
    {"path", 0, 0, EMPTY},
    // 185: HTTPIngressRuleValue
    {"paths", 184, 0, 0},
    // 186: IPAddress
    {"metadata", 244, 0, 0},
    {"spec", 187, 0, 0},
    // 187: IPAddressSpec
    {"parentRef", 201, 0, 0},
    // 188: Ingress
    {"metadata", 244, 0, 0},
    {"spec", 194, 0, 0},
    // 189: IngressBackend
    {"service", 193, 0, 0},
    // 190: IngressClass
    {"metadata", 244, 0, 0},
    {"spec", 191, 0, 0},
    // 191: IngressClassSpec
    {"controller", 0, 0, EMPTY},
    // 192: IngressRule
    {"host", 0, 0, EMPTY},
    {"http", 185, 0, 0},
    // 193: IngressServiceBackend
    {"port", 202, 0, 0},
    // 194: IngressSpec
    {"defaultBackend", 189, 0, 0},
    {"rules", 192, 0, 0},
    {"tls", 195, 0, 0},
    // 195: IngressTLS
    {"secretName", 0, 0, EMPTY},
    // 196: NetworkPolicy
    {"metadata", 244, 0, 0},
    {"spec", 200, 0, 0},
    // 197: NetworkPolicyEgressRule
    {"to", 199, 0, 0},
    // 198: NetworkPolicyIngressRule
    {"from", 199, 0, 0},
    // 199: NetworkPolicyPeer
    {"namespaceSelector", 243, 0, 0},
    {"podSelector", 243, 0, 0},
    // 200: NetworkPolicySpec
    {"egress", 197, 0, 0},
    {"ingress", 198, 0, 0},
    {"podSelector", 243, 0, 0},
    // 201: ParentReference
    {"group", 0, 0, EMPTY},
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    {"resource", 0, 0, EMPTY},
    // 202: ServiceBackendPort
    {"name", 0, 0, EMPTY},
    {"number", 0, 0, EMPTY},
    // 203: ServiceCIDR
    {"metadata", 244, 0, 0},
    // 204: Overhead
    {"podFixed", 0, 0, QUANTITIES},
    // 205: RuntimeClass
    {"metadata", 244, 0, 0},
    {"overhead", 204, 0, 0},
    {"scheduling", 206, 0, 0},
    // 206: Scheduling
    {"nodeSelector", 0, 0, ATOMIC},
    {"tolerations", 168, 0, 0},
    // 207: PodDisruptionBudget
    {"metadata", 244, 0, 0},
    {"spec", 208, 0, 0},
    // 208: PodDisruptionBudgetSpec
    {"selector", 243, 0, 0},
    // 209: AggregationRule
    {"clusterRoleSelectors", 243, 0, 0},
    // 210: ClusterRole
    {"aggregationRule", 209, 0, 0},
    {"metadata", 244, 0, 0},
    // 211: ClusterRoleBinding
    {"metadata", 244, 0, 0},
    {"subjects", 214, 0, 0},
    // 212: Role
    {"metadata", 244, 0, 0},
    // 213: RoleBinding
    {"metadata", 244, 0, 0},
    {"subjects", 214, 0, 0},
    // 214: Subject
    {"apiGroup", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    // 215: CapacityRequirements
    {"requests", 0, 0, QUANTITIES},
    // 216: DeviceClaim
    {"requests", 218, 0, 0},
    // 217: DeviceClass
    {"metadata", 244, 0, 0},
    // 218: DeviceRequest
    {"exactly", 221, 0, 0},
    {"firstAvailable", 219, 0, 0},
    // 219: DeviceSubRequest
    {"allocationMode", 0, 0, EMPTY},
    {"capacity", 215, 0, 0},
    {"count", 0, 0, EMPTY},
    {"tolerations", 220, 0, 0},
    // 220: DeviceToleration
    {"effect", 0, 0, EMPTY},
    {"key", 0, 0, EMPTY},
    {"operator", 0, 0, EMPTY},
    {"value", 0, 0, EMPTY},
    // 221: ExactDeviceRequest
    {"allocationMode", 0, 0, EMPTY},
    {"capacity", 215, 0, 0},
    {"count", 0, 0, EMPTY},
    {"tolerations", 220, 0, 0},
    // 222: ResourceClaim
    {"metadata", 244, 0, 0},
    {"spec", 223, 0, 0},
    // 223: ResourceClaimSpec
    {"devices", 216, 0, 0},
    // 224: ResourceClaimTemplate
    {"metadata", 244, 0, 0},
    {"spec", 225, 0, 0},
    // 225: ResourceClaimTemplateSpec
    {"metadata", 244, 0, 0},
    {"spec", 223, 0, 0},
    // 226: DeviceTaint
    {"value", 0, 0, EMPTY},
    // 227: DeviceTaintRule
    {"metadata", 244, 0, 0},
    {"spec", 228, 0, 0},
    // 228: DeviceTaintRuleSpec
    {"taint", 226, 0, 0},
    // 229: PriorityClass
    {"description", 0, 0, EMPTY},
    {"globalDefault", 0, 0, EMPTY},
    {"metadata", 244, 0, 0},
    // 230: CSIDriver
    {"metadata", 244, 0, 0},
    {"spec", 231, 0, 0},
    // 231: CSIDriverSpec
    {"volumeLifecycleModes", 0, 10, REPLACED},
    // 232: StorageClass
    {"metadata", 244, 0, 0},
    // 233: VolumeAttributesClass
    {"metadata", 244, 0, 0},
    // 234: CustomResourceColumnDefinition
    {"description", 0, 0, EMPTY},
    {"format", 0, 0, EMPTY},
    {"priority", 0, 0, EMPTY},
    // 235: CustomResourceDefinition
    {"metadata", 244, 0, 0},
    {"spec", 237, 0, 0},
    // 236: CustomResourceDefinitionNames
    {"listKind", 0, 0, EMPTY},
    {"singular", 0, 0, EMPTY},
    // 237: CustomResourceDefinitionSpec
    {"names", 236, 0, 0},
    {"preserveUnknownFields", 0, 0, EMPTY},
    {"versions", 238, 0, 0},
    // 238: CustomResourceDefinitionVersion
    {"additionalPrinterColumns", 234, 0, 0},
    {"deprecated", 0, 0, EMPTY},
    {"schema", 239, 0, 0},
    // 239: CustomResourceValidation
    {"openAPIV3Schema", 241, 0, 0},
    // 240: ExternalDocumentation
    {"description", 0, 0, EMPTY},
    {"url", 0, 0, EMPTY},
    // 241: JSONSchemaProps
    {"$schema", 0, 0, EMPTY},
    {"allOf", 241, 0, 0},
    {"anyOf", 241, 0, 0},
    {"definitions", 241, 0, NAMED},
    {"description", 0, 0, EMPTY},
    {"exclusiveMaximum", 0, 0, EMPTY},
    {"exclusiveMinimum", 0, 0, EMPTY},
    {"externalDocs", 240, 0, 0},
    {"format", 0, 0, EMPTY},
    {"id", 0, 0, EMPTY},
    {"not", 241, 0, 0},
    {"nullable", 0, 0, EMPTY},
    {"oneOf", 241, 0, 0},
    {"pattern", 0, 0, EMPTY},
    {"patternProperties", 241, 0, NAMED},
    {"properties", 241, 0, NAMED},
    {"title", 0, 0, EMPTY},
    {"type", 0, 0, EMPTY},
    {"uniqueItems", 0, 0, EMPTY},
    {"x-kubernetes-embedded-resource", 0, 0, EMPTY},
    {"x-kubernetes-int-or-string", 0, 0, EMPTY},
    {"x-kubernetes-validations", 242, 7, 0},
    // 242: ValidationRule
    {"fieldPath", 0, 0, EMPTY},
    {"message", 0, 0, EMPTY},
    {"messageExpression", 0, 0, EMPTY},
    // 243: LabelSelector
    {"matchLabels", 0, 0, ATOMIC},
    // 244: ObjectMeta
    {"finalizers", 0, 10, 0},
    {"generateName", 0, 0, EMPTY},
    {"generation", 0, 0, EMPTY},
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
    {"ownerReferences", 0, 9, 0},
    {"resourceVersion", 0, 0, EMPTY},
    {"selfLink", 0, 0, EMPTY},
    {"uid", 0, 0, EMPTY},
    // 245: APIService
    {"metadata", 244, 0, 0},
    {"spec", 246, 0, 0},
    // 246: APIServiceSpec
    {"group", 0, 0, EMPTY},
    {"insecureSkipTLSVerify", 0, 0, EMPTY},
    {"service", 247, 0, 0},
    {"version", 0, 0, EMPTY},
    // 247: ServiceReference
    {"name", 0, 0, EMPTY},
    {"namespace", 0, 0, EMPTY},
};

// Where the fields of each type begin, from type 1; the last is where all end.
static const uint16_t types[] = {
    0, 1, 3, 6, 8, 10, 13, 15, 17, 21, 26, 29, 31, 33, 34, 35,
    37, 39, 41, 44, 49, 51, 53, 56, 58, 62, 63, 65, 70, 71, 73, 76,
    78, 80, 87, 88, 89, 90, 92, 93, 95, 97, 100, 101, 106, 108, 111, 113,
    114, 116, 118, 120, 123, 125, 126, 127, 128, 130, 131, 134, 136, 137, 138, 145,
    146, 151, 156, 159, 162, 163, 164, 165, 166, 168, 169, 170, 190, 194, 196, 198,
    199, 201, 202, 204, 206, 208, 211, 213, 216, 218, 222, 243, 244, 246, 249, 252,
    254, 257, 259, 260, 261, 264, 270, 276, 278, 280, 282, 284, 289, 290, 291, 292,
    293, 295, 296, 303, 304, 311, 313, 315, 318, 320, 321, 344, 345, 347, 349, 351,
    353, 358, 359, 360, 361, 389, 391, 393, 395, 402, 403, 407, 413, 419, 421, 424,
    425, 427, 429, 430, 433, 437, 445, 453, 455, 456, 457, 458, 460, 461, 462, 464,
    467, 468, 471, 481, 486, 491, 492, 493, 497, 498, 526, 529, 535, 537, 540, 541,
    543, 545, 547, 548, 550, 552, 553, 558, 560, 561, 563, 564, 566, 567, 569, 570,
    572, 573, 576, 577, 579, 580, 581, 583, 586, 590, 592, 593, 594, 597, 599, 601,
    602, 603, 605, 607, 608, 610, 612, 613, 614, 615, 617, 621, 625, 629, 631, 632,
    634, 636, 637, 639, 640, 643, 645, 646, 647, 648, 651, 653, 655, 658, 661, 662,
    664, 686, 689, 690, 699, 701, 705, 707,
};

enum { UNKNOWN_KIND = 1 };

static const struct kind kinds[] = {
    {"", "ConfigMap", 70},
    {"", "Endpoints", 87},
    {"", "LimitRange", 107},
    {"", "Namespace", 112},
    {"", "Node", 113},
    {"", "PersistentVolume", 118},
    {"", "PersistentVolumeClaim", 119},
    {"", "Pod", 125},
    {"", "PodTemplate", 134},
    {"", "ReplicationController", 142},
    {"", "ResourceQuota", 146},
    {"", "Secret", 152},
    {"", "Service", 159},
    {"", "ServiceAccount", 160},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicy", 17},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding", 18},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", 4},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", 7},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", 8},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", 12},
    {"apiextensions.k8s.io", "CustomResourceDefinition", 235},
    {"apiregistration.k8s.io", "APIService", 245},
    {"apps", "DaemonSet", 24},
    {"apps", "Deployment", 27},
    {"apps", "ReplicaSet", 30},
    {"apps", "StatefulSet", 32},
    {"autoscaling", "HorizontalPodAutoscaler", 40},
    {"batch", "CronJob", 49},
    {"batch", "Job", 51},
    {"certificates.k8s.io", "ClusterTrustBundle", 57},
    {"discovery.k8s.io", "EndpointSlice", 177},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", 178},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", 182},
    {"networking.k8s.io", "IPAddress", 186},
    {"networking.k8s.io", "Ingress", 188},
    {"networking.k8s.io", "IngressClass", 190},
    {"networking.k8s.io", "NetworkPolicy", 196},
    {"networking.k8s.io", "ServiceCIDR", 203},
    {"node.k8s.io", "RuntimeClass", 205},
    {"policy", "PodDisruptionBudget", 207},
    {"rbac.authorization.k8s.io", "ClusterRole", 210},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", 211},
    {"rbac.authorization.k8s.io", "Role", 212},
    {"rbac.authorization.k8s.io", "RoleBinding", 213},
    {"resource.k8s.io", "DeviceClass", 217},
    {"resource.k8s.io", "DeviceTaintRule", 227},
    {"resource.k8s.io", "ResourceClaim", 222},
    {"resource.k8s.io", "ResourceClaimTemplate", 224},
    {"scheduling.k8s.io", "PriorityClass", 229},
    {"storage.k8s.io", "CSIDriver", 230},
    {"storage.k8s.io", "StorageClass", 232},
    {"storage.k8s.io", "VolumeAttributesClass", 233},
};
// clang-format on
