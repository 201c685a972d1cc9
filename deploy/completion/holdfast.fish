# Completion of holdfast for fish. Names are asked of the hub.
# Load it with: holdfast completion fish | source

function __holdfast_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    $program __complete $words (commandline -ct | string collect --allow-empty) 2>/dev/null
end

function __holdfast_wants_files
    string match -q ':files' -- (__holdfast_complete)
end

complete -c holdfast -f
complete -c holdfast -n 'not __holdfast_wants_files' -a '(__holdfast_complete)'
complete -c holdfast -n __holdfast_wants_files -F
