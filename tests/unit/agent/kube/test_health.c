#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/kube/health.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/rules.h"
#include "tests/support/json.h"

static const struct agent_health_options none;

static const struct {
    const char *words;
    const char *object;
    enum agent_health health;
    const char *message;
} cases[] = {
    {"deleting",
     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\""
     "x\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
     AGENT_HEALTH_PROGRESSING, "it is being deleted"},
    {"unseen",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\",\"generation\":2},\"status\":{\"observedGeneration\":1}}",
     AGENT_HEALTH_PROGRESSING, "its controller has not seen the last change yet"},
    {"a rollout, which counts in texts",
     "{\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"x\","
     "\"generation\":2},\"status\":{\"observedGeneration\":\"2\",\"phase\":\"Healthy\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"a rollout that is not seen",
     "{\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"x\","
     "\"generation\":12},\"status\":{\"observedGeneration\":\"2\",\"phase\":\"Healthy\"}}",
     AGENT_HEALTH_PROGRESSING, "its controller has not seen the last change yet"},
    {"a rollout that waits",
     "{\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"x\","
     "\"generation\":2},\"status\":{\"observedGeneration\":\"2\",\"phase\":\"Paused\",\"message\":"
     "\"CanaryPauseStep\"}}",
     AGENT_HEALTH_PROGRESSING, "CanaryPauseStep"},
    {"a rollout that was aborted",
     "{\"apiVersion\":\"argoproj.io/v1alpha1\",\"kind\":\"Rollout\",\"metadata\":{\"name\":\"x\","
     "\"generation\":2},\"status\":{\"observedGeneration\":\"2\",\"phase\":\"Degraded\","
     "\"message\":"
     "\"RolloutAborted\"}}",
     AGENT_HEALTH_DEGRADED, "RolloutAborted"},
    {"no observed generation",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\",\"generation\":2},\"status\":{}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"reconciling",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":[{\"type\":\"Reconciling\",\"status\""
     ":\"True\",\"reason\":\"Busy\",\"message\":\"at it\"}]}}",
     AGENT_HEALTH_PROGRESSING, "Busy: at it"},
    {"stalled",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":[{\"type\":\"Stalled\",\"status\":\""
     "True\",\"reason\":\"Bad\",\"message\":\"no way\"}]}}",
     AGENT_HEALTH_DEGRADED, "Bad: no way"},
    {"ready",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Tr"
     "ue\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"not ready",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Fa"
     "lse\",\"reason\":\"Waiting\",\"message\":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "Waiting"},
    {"ready unknown",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Un"
     "known\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "it is not ready"},
    {"nothing known",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"conditions of a wrong type",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
     "\"x\"},\"status\":{\"conditions\":\"none\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"status of a wrong type",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"status\":[]}",
     AGENT_HEALTH_PROGRESSING, "0 of 1 replicas exist"},
    {"config map",
     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\""
     "x\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"namespace active",
     "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\""
     "x\"},\"status\":{\"phase\":\"Active\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"namespace new",
     "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\""
     "x\"}}",
     AGENT_HEALTH_PROGRESSING, "the namespace is not active yet"},
    {"service",
     "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x"
     "\"},\"spec\":{\"type\":\"ClusterIP\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"load balancer",
     "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x"
     "\"},\"spec\":{\"type\":\"LoadBalancer\"}}",
     AGENT_HEALTH_PROGRESSING, "the service has no cluster IP yet"},
    {"load balancer with ip",
     "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"x"
     "\"},\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.0.0.1\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"claim",
     "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\""
     ":{\"name\":\"x\"},\"status\":{\"phase\":\"Pending\"}}",
     AGENT_HEALTH_PROGRESSING, "the claim is not bound"},
    {"claim bound",
     "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\""
     ":{\"name\":\"x\"},\"status\":{\"phase\":\"Bound\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"deployment",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\""
     ":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"deployment deadline",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"False\",\"reason\":\"ProgressDeadlineExceeded\",\"message\":\"t"
     "oo slow\"}]}}",
     AGENT_HEALTH_DEGRADED, "ProgressDeadlineExceeded: too slow"},
    {"deployment new",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"conditions\":[{\"type\":\"Progressing\",\"status\":\"Tru"
     "e\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},{\"type\":"
     "\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "0 of 3 replicas exist"},
    {"deployment updating",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":1,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\""
     ":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "1 of 3 replicas are updated"},
    {"deployment old ones",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":4,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\""
     ":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "1 old replicas are not gone yet"},
    {"deployment unavailable",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":2,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\""
     ":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "2 of 3 replicas are available"},
    {"deployment not ready",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":2,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\""
     ":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "2 of 3 replicas are ready"},
    {"deployment progressing",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"ReplicaSetUpdated\",\"message\":\"\"},{\"ty"
     "pe\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\":\"\""
     "}]}}",
     AGENT_HEALTH_PROGRESSING, "the new replica set is not available yet"},
    {"deployment without deadline",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3},\"status\":{\"replicas\":3,\"upd"
     "atedReplicas\":3,\"readyReplicas\":3,\"availableReplicas\":3,\"conditi"
     "ons\":[{\"type\":\"Available\",\"status\":\"True\",\"reason\":\"\",\"m"
     "essage\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"deployment not available",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":3,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"replicas\":3,\"updatedReplicas\":3,\"readyReplicas\":3,\""
     "availableReplicas\":3,\"conditions\":[{\"type\":\"Progressing\",\"stat"
     "us\":\"True\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},"
     "{\"type\":\"Available\",\"status\":\"False\",\"reason\":\"MinimumRepli"
     "casUnavailable\",\"message\":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "MinimumReplicasUnavailable"},
    {"deployment of none",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"},\"spec\":{\"replicas\":0,\"progressDeadlineSeconds\":600},"
     "\"status\":{\"conditions\":[{\"type\":\"Progressing\",\"status\":\"Tru"
     "e\",\"reason\":\"NewReplicaSetAvailable\",\"message\":\"\"},{\"type\":"
     "\"Available\",\"status\":\"True\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"stateful set",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"re"
     "adyReplicas\":2,\"currentReplicas\":2,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"stateful set on delete",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}},\"s"
     "tatus\":{}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"stateful set new",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":1,\"re"
     "adyReplicas\":2,\"currentReplicas\":2,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 replicas exist"},
    {"stateful set not ready",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"re"
     "adyReplicas\":1,\"currentReplicas\":2,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 replicas are ready"},
    {"stateful set shrinking",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":3,\"re"
     "adyReplicas\":2,\"currentReplicas\":2,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_PROGRESSING, "1 replicas are not gone yet"},
    {"stateful set partition",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2,\"updateStrategy\":{\"rollingUpd"
     "ate\":{\"partition\":1}}},\"status\":{\"replicas\":2,\"readyReplicas\""
     ":2,\"currentReplicas\":2,\"updatedReplicas\":0,\"currentRevision\":\"a"
     "\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_PROGRESSING, "0 of 1 replicas are updated"},
    {"stateful set partition done",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2,\"updateStrategy\":{\"rollingUpd"
     "ate\":{\"partition\":1}}},\"status\":{\"replicas\":2,\"readyReplicas\""
     ":2,\"currentReplicas\":2,\"updatedReplicas\":1,\"currentRevision\":\"a"
     "\",\"updateRevision\":\"b\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"stateful set current",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"re"
     "adyReplicas\":2,\"currentReplicas\":1,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"a\"}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 replicas are current"},
    {"stateful set revision",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"metadata\":{\"n"
     "ame\":\"x\"},\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"re"
     "adyReplicas\":2,\"currentReplicas\":2,\"updatedReplicas\":2,\"currentR"
     "evision\":\"a\",\"updateRevision\":\"b\"}}",
     AGENT_HEALTH_PROGRESSING, "not all replicas have the new revision"},
    {"daemon set",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\",\"generation\":1},\"status\":{\"observedGeneration\":1,\"des"
     "iredNumberScheduled\":2,\"currentNumberScheduled\":2,\"updatedNumberSc"
     "heduled\":2,\"numberAvailable\":2,\"numberReady\":2}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"daemon set new",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\"},\"status\":{\"desiredNumberScheduled\":2,\"currentNumberSch"
     "eduled\":2,\"updatedNumberScheduled\":2,\"numberAvailable\":2,\"number"
     "Ready\":2}}",
     AGENT_HEALTH_PROGRESSING, "the controller has not seen it yet"},
    {"daemon set scheduling",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\",\"generation\":1},\"status\":{\"observedGeneration\":1,\"des"
     "iredNumberScheduled\":2,\"currentNumberScheduled\":1,\"updatedNumberSc"
     "heduled\":2,\"numberAvailable\":2,\"numberReady\":2}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 pods are scheduled"},
    {"daemon set updating",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\",\"generation\":1},\"status\":{\"observedGeneration\":1,\"des"
     "iredNumberScheduled\":2,\"currentNumberScheduled\":2,\"updatedNumberSc"
     "heduled\":1,\"numberAvailable\":2,\"numberReady\":2}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 pods are updated"},
    {"daemon set unavailable",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\",\"generation\":1},\"status\":{\"observedGeneration\":1,\"des"
     "iredNumberScheduled\":2,\"currentNumberScheduled\":2,\"updatedNumberSc"
     "heduled\":2,\"numberAvailable\":1,\"numberReady\":2}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 pods are available"},
    {"daemon set not ready",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"nam"
     "e\":\"x\",\"generation\":1},\"status\":{\"observedGeneration\":1,\"des"
     "iredNumberScheduled\":2,\"currentNumberScheduled\":2,\"updatedNumberSc"
     "heduled\":2,\"numberAvailable\":2,\"numberReady\":1}}",
     AGENT_HEALTH_PROGRESSING, "1 of 2 pods are ready"},
    {"replica set failing",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"na"
     "me\":\"x\"},\"status\":{\"conditions\":[{\"type\":\"ReplicaFailure\",\""
     "status\":\"True\",\"reason\":\"Quota\",\"message\":\"full\"}]}}",
     AGENT_HEALTH_PROGRESSING, "Quota: full"},
    {"replica set",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"na"
     "me\":\"x\"},\"status\":{\"replicas\":1,\"fullyLabeledReplicas\":1,\"av"
     "ailableReplicas\":1,\"readyReplicas\":1}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"replica set not ready",
     "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"na"
     "me\":\"x\"},\"status\":{\"replicas\":1,\"fullyLabeledReplicas\":1,\"av"
     "ailableReplicas\":1}}",
     AGENT_HEALTH_PROGRESSING, "0 of 1 replicas are ready"},
    {"pod done",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Succeeded\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"pod failed",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Failed\"}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"pod running",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
     "\"status\":\"True\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"pod crashing",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"state\":{\""
     "waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}}",
     AGENT_HEALTH_DEGRADED, "a container crashes again and again"},
    {"pod starting",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Running\"}}",
     AGENT_HEALTH_PROGRESSING, "the pod is not ready"},
    {"pod pending",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"},"
     "\"status\":{\"phase\":\"Pending\"}}",
     AGENT_HEALTH_PROGRESSING, "the pod is pending"},
    {"pod unschedulable for long",
     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\""
     "creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"status\":{\"phase\":\""
     "Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"Fals"
     "e\",\"reason\":\"Unschedulable\",\"message\":\"no node\"}]}}",
     AGENT_HEALTH_DEGRADED, "Unschedulable: no node"},
    {"job new",
     "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
     "x\"}}",
     AGENT_HEALTH_PROGRESSING, "the job has not started"},
    {"job running",
     "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
     "x\"},\"spec\":{\"completions\":3},\"status\":{\"startTime\":\"x\",\"su"
     "cceeded\":1}}",
     AGENT_HEALTH_PROGRESSING, "1 of 3 pods of the job succeeded"},
    {"job done",
     "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
     "x\"},\"status\":{\"conditions\":[{\"type\":\"Complete\",\"status\":\"T"
     "rue\",\"reason\":\"\",\"message\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"job failed",
     "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
     "x\"},\"status\":{\"conditions\":[{\"type\":\"Failed\",\"status\":\"Tru"
     "e\",\"reason\":\"BackoffLimitExceeded\",\"message\":\"\"}]}}",
     AGENT_HEALTH_DEGRADED, "BackoffLimitExceeded"},
    {"job suspended",
     "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\""
     "x\"},\"spec\":{\"suspend\":true},\"status\":{\"conditions\":[{\"type\""
     ":\"Suspended\",\"status\":\"True\",\"reason\":\"\",\"message\":\"\"}]}"
     "}",
     AGENT_HEALTH_HEALTHY, ""},
    {"definition",
     "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceD"
     "efinition\",\"metadata\":{\"name\":\"x\"},\"status\":{\"conditions\":["
     "{\"type\":\"NamesAccepted\",\"status\":\"True\",\"reason\":\"\",\"mess"
     "age\":\"\"},{\"type\":\"Established\",\"status\":\"True\",\"reason\":\""
     "\",\"message\":\"\"}]}}",
     AGENT_HEALTH_HEALTHY, ""},
    {"definition new",
     "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceD"
     "efinition\",\"metadata\":{\"name\":\"x\"}}",
     AGENT_HEALTH_PROGRESSING, "it is not established yet"},
    {"definition installing",
     "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceD"
     "efinition\",\"metadata\":{\"name\":\"x\"},\"status\":{\"conditions\":["
     "{\"type\":\"Established\",\"status\":\"False\",\"reason\":\"Installing"
     "\",\"message\":\"\"}]}}",
     AGENT_HEALTH_PROGRESSING, "it is not established yet"},
    {"definition refused",
     "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceD"
     "efinition\",\"metadata\":{\"name\":\"x\"},\"status\":{\"conditions\":["
     "{\"type\":\"NamesAccepted\",\"status\":\"False\",\"reason\":\"ListKind"
     "Conflict\",\"message\":\"taken\"}]}}",
     AGENT_HEALTH_DEGRADED, "ListKindConflict: taken"},
    {"stalled before it says that it reconciles",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"status\":{\"conditions\":["
     "{\"type\":\"Stalled\",\"status\":\"True\",\"message\":\"no way\"},"
     "{\"type\":\"Reconciling\",\"status\":\"True\"}]}}",
     AGENT_HEALTH_DEGRADED, "no way"},
    {"ready for an earlier form",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"generation\":3},"
     "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
     "\"observedGeneration\":2}]}}",
     AGENT_HEALTH_PROGRESSING, "its controller has not seen the last change yet"},
    {"an API that is away",
     "{\"apiVersion\":\"apiregistration.k8s.io/v1\",\"kind\":\"APIService\",\"status\":{"
     "\"conditions\":[{\"type\":\"Available\",\"status\":\"False\",\"reason\":"
     "\"MissingEndpoints\",\"message\":\"no endpoints\"}]}}",
     AGENT_HEALTH_PROGRESSING, "MissingEndpoints: no endpoints"},
    {"a Deployment of somebody else",
     "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Deployment\",\"metadata\":{\"na"
     "me\":\"x\"}}",
     AGENT_HEALTH_HEALTHY, ""},
};

static void judge(size_t i) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_health health;

    kube_health_of(a, parse(a, cases[i].object), &none, 1893456000000, &health);
    if (health.health != cases[i].health || strcmp(health.message, cases[i].message) != 0) {
        fail_msg("%s: %d '%s'", cases[i].words, (int)health.health, health.message);
    }
}

static void each_kind_has_its_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        judge(i);
    }
}

static void a_pod_that_no_node_takes_gets_fifteen_seconds(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    int64_t born_ms = 0;
    struct kube_health health;
    struct cm_json *pod = parse(
        a, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\","
           "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"status\":{\"phase\":\"Pending\","
           "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","
           "\"reason\":\"Unschedulable\"}]}}");

    (void)state;
    assert_true(cm_clock_parse("2026-01-01T00:00:00Z", &born_ms));
    kube_health_of(a, pod, &none, born_ms + 5000, &health);
    assert_int_equal(health.health, AGENT_HEALTH_PROGRESSING);
    assert_int_equal(health.again_ms, 10000);
    kube_health_of(a, pod, &none, born_ms + 15000, &health);
    assert_int_equal(health.health, AGENT_HEALTH_DEGRADED);
}

#define THING(more)                                                                                \
    "{\"apiVersion\":\"x.io/v1\",\"kind\":\"Thing\",\"metadata\":{\"generation\":2,"               \
    "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"" more "}"

// health_after reads the health of an object so long after the first second of 2026.
static struct kube_health health_after(struct cm_arena *a, const char *object, int64_t ms) {
    struct kube_health health;
    int64_t born_ms = 0;

    assert_true(cm_clock_parse("2026-01-01T00:00:00Z", &born_ms));
    kube_health_of(a, parse(a, object), &none, born_ms + ms, &health);
    return health;
}

static void the_controller_of_a_new_kind_gets_time_to_say_something(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_health health = health_after(a, THING("}"), 2000);

    (void)state;
    assert_int_equal(health.health, AGENT_HEALTH_PROGRESSING);
    assert_int_equal(health.again_ms, 3000);
    assert_int_equal(health.then, AGENT_HEALTH_HEALTHY);
    assert_int_equal(health_after(a, THING("}"), 5000).health, AGENT_HEALTH_HEALTHY);
    assert_int_equal(health_after(a, THING("}"), -86400000).again_ms, 5000); // our clock is wrong
    assert_int_equal(health_after(a, THING("},\"status\":{\"observedGeneration\":2}"), 0).health,
                     AGENT_HEALTH_HEALTHY);
    assert_int_equal(health_after(a,
                                  THING("},\"status\":{\"conditions\":[{\"type\":\"Ready\","
                                        "\"status\":\"True\",\"observedGeneration\":2}]}"),
                                  0)
                         .health,
                     AGENT_HEALTH_HEALTHY);
}

static void a_change_gives_it_time_again_but_not_a_change_of_the_status(void **state) {
#define WRITTEN(at, more)                                                                          \
    THING(",\"managedFields\":[{\"manager\":\"m\",\"time\":\"" at "\"" more "}]}"                  \
          ",\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}")
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const char *spec = WRITTEN("2026-01-01T00:01:00Z", "");
    const char *status = WRITTEN("2026-01-01T00:01:00Z", ",\"subresource\":\"status\"");

    (void)state;
    assert_int_equal(health_after(a, spec, 61000).health, AGENT_HEALTH_PROGRESSING);
    assert_int_equal(health_after(a, spec, 65000).health, AGENT_HEALTH_HEALTHY);
    assert_int_equal(health_after(a, status, 61000).health, AGENT_HEALTH_HEALTHY);
}

static void kinds_that_are_built_in_need_no_time(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    static const char *const versions[] = {"v1", "rbac.authorization.k8s.io/v1",
                                           "networking.k8s.io/v1"};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        const char *object =
            cm_arena_strf(a,
                          "{\"apiVersion\":\"%s\",\"kind\":\"Thing\",\"metadata\":{"
                          "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}}",
                          versions[i]);

        assert_int_equal(health_after(a, object, 0).health, AGENT_HEALTH_HEALTHY);
    }
}

static void an_address_is_waited_for_where_the_app_says_so(void **state) {
    static const char *const bare[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"type\":\"LoadBalancer\","
        "\"clusterIP\":\"10.0.0.1\"}}",
        "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"status\":"
        "{\"loadBalancer\":{\"ingress\":[]}}}",
        "{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"Gateway\"}",
    };
    static const char *const given[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"type\":\"ClusterIP\"}}",
        "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"status\":"
        "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}}}",
        "{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":\"Gateway\",\"status\":"
        "{\"addresses\":[{\"value\":\"192.0.2.1\"}]}}",
    };
    const struct agent_health_options wait = {.addresses = true};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct kube_health health;

    (void)state;
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        kube_health_of(a, parse(a, bare[i]), &none, 1893456000000, &health);
        assert_int_equal(health.health, AGENT_HEALTH_HEALTHY);
        kube_health_of(a, parse(a, bare[i]), &wait, 1893456000000, &health);
        assert_int_equal(health.health, AGENT_HEALTH_PROGRESSING);
        kube_health_of(a, parse(a, given[i]), &wait, 1893456000000, &health);
        assert_int_equal(health.health, AGENT_HEALTH_HEALTHY);
    }
}

static void what_the_app_says_of_a_kind_counts_before_what_we_know_of_it(void **state) {
    static const char text[] =
        "[{\"group\":\"x.io\",\"kind\":\"Thing\",\"healthy\":[{\"path\":\"status.phase\","
        "\"equals\":\"Ready\"}],\"degraded\":[{\"path\":\"status.phase\",\"equals\":\"Bad\"}]}]";
    static const struct {
        const char *status;
        enum agent_health health;
    } rows[] = {
        {"{\"phase\":\"Ready\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}",
         AGENT_HEALTH_HEALTHY},
        {"{\"phase\":\"Bad\"}", AGENT_HEALTH_DEGRADED},
        {"{\"phase\":\"New\"}", AGENT_HEALTH_PROGRESSING},
        {"{\"phase\":\"Ready\",\"observedGeneration\":1}", AGENT_HEALTH_PROGRESSING},
    };
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct agent_health_options options = {0};
    struct cm_rules *rules = NULL;
    struct kube_health health;
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_rules_parse(text, strlen(text), &rules, &err), CM_OK);
    options.rules = rules;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *object = cm_arena_strf(a, THING("},\"status\":%s"), rows[i].status);

        kube_health_of(a, parse(a, object), &options, 1893456000000, &health);
        assert_int_equal(health.health, rows[i].health);
    }
    cm_rules_free(rules);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_rules),
        cmocka_unit_test(a_pod_that_no_node_takes_gets_fifteen_seconds),
        cmocka_unit_test(the_controller_of_a_new_kind_gets_time_to_say_something),
        cmocka_unit_test(a_change_gives_it_time_again_but_not_a_change_of_the_status),
        cmocka_unit_test(kinds_that_are_built_in_need_no_time),
        cmocka_unit_test(an_address_is_waited_for_where_the_app_says_so),
        cmocka_unit_test(what_the_app_says_of_a_kind_counts_before_what_we_know_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
