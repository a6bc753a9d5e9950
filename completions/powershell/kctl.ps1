# PowerShell completion for kctl
#
# Load it with:  kctl completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'kctl' -ScriptBlock {
    param($WordToComplete, $CommandAst, $CursorPosition)

    # The words up to the cursor; the last one is cut where the cursor is.
    $Words = @()
    foreach ($Element in $CommandAst.CommandElements) {
        if ($Element.Extent.StartOffset -ge $CursorPosition) { break }
        $Text = $Element.Extent.Text
        if ($Element.Extent.EndOffset -gt $CursorPosition) {
            $Text = $Text.Substring(0, $CursorPosition - $Element.Extent.StartOffset)
        }
        $Words += $Text.Trim('"', "'")
    }
    $Arguments = @($Words | Select-Object -Skip 1)
    if ($WordToComplete -eq '') {
        # Older versions drop an empty argument unless it is quoted.
        if ($PSVersionTable.PSVersion -lt [version]'7.3.0') { $Arguments += '""' } else { $Arguments += '' }
    }

    $Out = @(& 'kctl' '__complete' @Arguments 2>$null)
    if ($Out.Count -eq 0) { return }
    $Directive = 0
    if (-not [int]::TryParse($Out[-1].TrimStart(':'), [ref]$Directive)) { return }
    if ($Directive -band 1) { return }

    # Values of --flag=value are candidates without the flag.
    $Before = ''
    $Value = $WordToComplete
    if ($WordToComplete -match '^(-[^=]*=)(.*)$') {
        $Before = $Matches[1]
        $Value = $Matches[2]
    }
    $Space = ' '
    if ($Directive -band 2) { $Space = '' }

    if ($Directive -band 24) {
        # Extensions and folders: PowerShell completes paths itself.
        return
    }
    $Candidates = @($Out | Select-Object -SkipLast 1 | Where-Object { $_ -ne '' })
    foreach ($Line in $Candidates) {
        $Name, $Help = $Line -split "`t", 2
        if (-not $Name.StartsWith($Value)) { continue }
        if (-not $Help) { $Help = $Name }
        [System.Management.Automation.CompletionResult]::new("$Before$Name$Space", $Name, 'ParameterValue', $Help)
    }
    if ($Candidates.Count -eq 0 -and ($Directive -band 4)) {
        # Nothing fits, and no file name does either.
        ''
    }
}
