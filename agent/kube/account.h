// account: the ServiceAccount in whose name an App's objects are changed.
//
// A request says it in a header, and the API server asks whether we may impersonate it and then
// whether it may do what is asked. It adds the groups that every ServiceAccount has, but only if we
// name none. It does not ask whether the ServiceAccount is there: one that is not has the rights of
// bindings that name it. https://kubernetes.io/docs/reference/access-authn-authz/authentication/
//
// Threads: any; pure.
#pragma once

// kube_account_given is the account that an App asks for, borrowed; NULL: none ("" or NULL).
const char *kube_account_given(const char *account);

// kube_account_header makes the header of an account "NAMESPACE/NAME"; the caller frees it.
char *kube_account_header(const char *account);

// kube_account_path is the URL path of the ServiceAccount; the caller frees it.
char *kube_account_path(const char *account);
