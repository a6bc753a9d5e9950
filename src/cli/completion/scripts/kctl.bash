# bash completion for kctl
#
# Load it with:  source <(kctl completion bash)
# For an alias:  alias k=kctl; complete -o default -F __start_kctl k

# The words of the line up to the cursor, in the array "words". bash splits at = and :, which kctl
# takes for parts of a word, so pieces that touch in the line are joined again.
__kctl_words() {
    local rest=${COMP_LINE:0:COMP_POINT} piece i gap
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=
        while [[ $rest == [[:space:]]* ]]; do
            rest=${rest#?}
            gap=1
        done
        piece=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            piece=$rest
        fi
        rest=${rest#"$piece"}
        if [[ -n $gap || ${#words[@]} -eq 0 ]]; then
            words+=("$piece")
        else
            words[${#words[@]} - 1]+=$piece
        fi
    done
    for i in "${!words[@]}"; do
        words[i]=${words[i]//[\"\']/}
    done
}

__kctl_compopt() {
    if [[ $(type -t compopt) == builtin ]]; then
        compopt "$@"
    fi
}

# Candidates with their descriptions beside them, as a list for the eye.
__kctl_described() {
    local line text longest=0 width=${COLUMNS:-80}
    for line in "${lines[@]}"; do
        text=${line%%$'\t'*}
        if ((${#text} > longest)); then
            longest=${#text}
        fi
    done
    COMPREPLY=()
    for line in "${lines[@]}"; do
        text=${line%%$'\t'*}
        if [[ $line == *$'\t'* ]]; then
            printf -v text "%-${longest}s  (%s)" "$text" "${line#*$'\t'}"
        fi
        COMPREPLY+=("${text:0:width - 1}")
    done
}

__start_kctl() {
    local words=() lines=() out directive current program=kctl line text extension
    COMPREPLY=()
    __kctl_words
    if ((${#words[@]} < 2)); then
        return
    fi
    if [[ ${words[0]} == */* ]]; then
        program=${words[0]/#\~/$HOME}
    fi
    out=$("$program" __complete "${words[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    out=${out%:*}
    if [[ ! $directive =~ ^[0-9]+$ ]] || ((directive & 1)); then
        return
    fi

    # The part of the word that bash is going to replace.
    current=${words[${#words[@]} - 1]}
    if [[ $current == -*=* ]]; then
        current=${current#*=}
    fi

    if ((directive & 8)); then
        __kctl_compopt -o filenames
        COMPREPLY=()
        while IFS= read -r text; do
            if [[ -d $text ]]; then
                COMPREPLY+=("$text")
                continue
            fi
            while IFS= read -r extension; do
                if [[ -n $extension && $text == *."$extension" ]]; then
                    COMPREPLY+=("$text")
                fi
            done <<<"$out"
        done < <(compgen -f -- "$current")
        return
    fi
    if ((directive & 16)); then
        __kctl_compopt -o filenames
        while IFS= read -r text; do
            COMPREPLY+=("$text")
        done < <(compgen -d -- "$current")
        return
    fi

    while IFS= read -r line; do
        if [[ -n $line && ${line%%$'\t'*} == "$current"* ]]; then
            lines+=("$line")
        fi
    done <<<"$out"
    if ((directive & 2)); then
        __kctl_compopt -o nospace
    fi
    if ((directive & 32)); then
        __kctl_compopt -o nosort 2>/dev/null
    fi
    if ((directive & 4)); then
        __kctl_compopt +o default
    fi
    # 37 and 42 mean that one candidate after the other is inserted: descriptions would be, too.
    if ((${#lines[@]} > 1 && ${COMP_TYPE:-9} != 37 && ${COMP_TYPE:-9} != 42)); then
        __kctl_described
    else
        for line in "${lines[@]}"; do
            COMPREPLY+=("${line%%$'\t'*}")
        done
    fi

    # bash replaces only what follows the last colon.
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        local before=${current%"${current##*:}"} i
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$before"}
        done
    fi
}

complete -o default -F __start_kctl kctl
