# Completion of holdfast for bash 4.4 and later. Names are asked of the hub.
# Load it with: source <(holdfast completion bash)

_holdfast() {
    local text=${COMP_LINE:0:COMP_POINT} words current candidate
    read -ra words <<<"$text"
    [[ $text == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate=${candidate%%$'\t'*}
        if [[ $candidate == :files ]]; then
            compopt -o default
            return
        fi
        # bash replaces only what stands behind '=' and ':'
        COMPREPLY+=("${candidate#"${current%"${current##*[=:]}"}"}")
    done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _holdfast holdfast
