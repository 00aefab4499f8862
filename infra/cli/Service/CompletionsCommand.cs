using System.CommandLine;

namespace LLaDA.Batch.Cli.Service;

/// <summary>Scripts that complete command lines. They ask <c>llada [suggest]</c>, which System.CommandLine answers.</summary>
internal static class CompletionsCommand
{
    private const string Bash = """
        _llada() {
          local IFS=$'\n'
          COMPREPLY=( $(compgen -W "$(llada "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}") )
        }
        complete -o default -F _llada llada
        """;

    private const string Zsh = """
        #compdef llada
        _llada() { local -a found; found=("${(@f)$(llada "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}"); compadd -a found; }
        compdef _llada llada
        """;

    private const string Fish = """
        complete -f -c llada -a "(llada '[suggest]' (commandline -cp) 2>/dev/null)"
        """;

    private const string PowerShell = """
        Register-ArgumentCompleter -Native -CommandName llada -ScriptBlock {
          param($word, $ast, $position)
          llada "[suggest:$position]" "$ast" | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
        }
        """;

    private static readonly Dictionary<string, string> s_scripts = new(StringComparer.Ordinal)
    {
        ["bash"] = Bash, ["zsh"] = Zsh, ["fish"] = Fish, ["pwsh"] = PowerShell,
    };

    public static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh, fish or pwsh" };
        shell.AcceptOnlyFromAmong([.. s_scripts.Keys]);
        var command = new Command("completions",
            "Prints a script that completes command lines: source <(llada completions bash)") { shell };
        command.SetAction(parse => parse.InvocationConfiguration.Output.WriteLine(s_scripts[parse.GetRequiredValue(shell)]));
        return command;
    }
}
