# fish completion for kctl
#
# Load it with:  kctl completion fish | source

function __kctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l out (kctl __complete $words[2..-1] "$current" 2>/dev/null)
    if test (count $out) -eq 0
        return
    end
    set -l directive (string sub -s 2 -- $out[-1])
    if not string match -qr '^[0-9]+$' -- "$directive"
        return
    end
    set -l lines
    if test (count $out) -gt 1
        set lines $out[1..-2]
    end

    # Values of --flag=value are candidates without the flag.
    set -l before ''
    set -l value $current
    if string match -q -- '-*=*' $current
        set before (string replace -r '=.*' '=' -- $current)
        set value (string replace -r '^[^=]*=' '' -- $current)
    end

    if test (math "bitand($directive, 1)") -ne 0
        return
    end
    if test (math "bitand($directive, 8)") -ne 0
        for path in $value*/
            test -d "$path"; and printf '%s%s\n' $before $path
        end
        for extension in $lines
            for path in $value*.$extension
                printf '%s%s\n' $before $path
            end
        end
        return
    end
    if test (math "bitand($directive, 16)") -ne 0
        for path in $value*/
            printf '%s%s\n' $before $path
        end
        return
    end
    for line in $lines
        printf '%s%s\n' $before $line
    end
    if test (count $lines) -eq 0 -a (math "bitand($directive, 4)") -eq 0
        for path in $value*
            if test -d "$path"
                printf '%s%s/\n' $before $path
            else
                printf '%s%s\n' $before $path
            end
        end
    end
end

complete -c kctl -e
complete -c kctl -f -a '(__kctl_complete)'
