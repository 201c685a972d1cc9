#compdef holdfast
# Completion of holdfast for zsh. Names are asked of the hub.
# Load it with: source <(holdfast completion zsh), after compinit; or put it into a folder of
# $fpath as _holdfast.

_holdfast() {
    local -a lines candidates
    local line name about
    lines=("${(@f)$(${(Q)words[1]} __complete "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    for line in $lines; do
        if [[ $line == ':files' ]]; then
            _files
            return
        fi
        name=${line%%$'\t'*}
        about=''
        [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
        [[ -n $name ]] && candidates+=("${name//:/\\:}${about:+:$about}")
    done
    (( $#candidates )) && _describe -t holdfast 'holdfast' candidates
}

if [[ $funcstack[1] == _holdfast ]]; then
    _holdfast "$@"
else
    compdef _holdfast holdfast
fi
