#compdef kctl
# zsh completion for kctl
#
# Load it with:  source <(kctl completion zsh)
# or put it into a folder of $fpath under the name _kctl.

_kctl() {
    local -a args lines candidates options
    local line text directive
    args=("${(@Q)words[2,CURRENT]}")
    args[-1]=${(Q)PREFIX}
    lines=("${(@f)$(kctl __complete "${args[@]}" 2>/dev/null)}")
    directive=${lines[-1]#:}
    lines[-1]=()
    if [[ $directive != <-> ]] || ((directive & 1)); then
        return 1
    fi

    # Values of --flag=value complete after the equals sign.
    if [[ $PREFIX == -*=* ]]; then
        compset -P '*='
    fi
    if ((directive & 8)); then
        _files -g "*.(${(j:|:)lines})(-.)"
        return
    fi
    if ((directive & 16)); then
        _files -/
        return
    fi

    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        text=${line%%$'\t'*}
        text=${text//:/\\:}
        if [[ $line == *$'\t'* ]]; then
            text+=:${line#*$'\t'}
        fi
        candidates+=("$text")
    done
    if ((directive & 2)); then
        options+=(-S '')
    fi
    if ((directive & 32)); then
        options+=(-V candidates)
    fi
    if (($#candidates)); then
        _describe -t candidates candidate candidates "${options[@]}"
    elif ! ((directive & 4)); then
        _files
    else
        return 1
    fi
}

if [[ ${funcstack[1]} == _kctl ]]; then
    _kctl "$@"
else
    compdef _kctl kctl
fi
