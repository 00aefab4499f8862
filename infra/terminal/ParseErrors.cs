using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace LLaDA.Batch.Terminal;

/// <summary>Reports a wrong command line so that the errors are the last lines on the terminal.</summary>
internal static class ParseErrors
{
    /// <summary>The exit code of a wrong command line, as most tools have it.</summary>
    private const int WrongUsage = 2;

    /// <summary>Runs a command line. A wrong one prints the help of its group, or where to find the help, and then the errors.</summary>
    public static async Task<int> RunAsync(this RootCommand root, string[] args, InvocationConfiguration configuration)
    {
        var parse = root.Parse(args);
        if (parse.Action is not ParseErrorAction errors)
            return await parse.InvokeAsync(configuration);

        var onErrors = new InvocationConfiguration { Output = configuration.Error, Error = configuration.Error };
        string[] path = [.. Path(parse.CommandResult).Reverse()];
        if (parse.CommandResult.Command.Subcommands.Count > 0)
            await root.Parse([.. path, "--help"]).InvokeAsync(onErrors);
        else
            await configuration.Error.WriteLineAsync($"'{string.Join(' ', [root.Name, .. path])} --help' lists the options.");
        errors.ShowHelp = false;
        await parse.InvokeAsync(onErrors);
        return WrongUsage;
    }

    /// <summary>Names of the command and the groups around it, innermost first, without the program.</summary>
    private static IEnumerable<string> Path(CommandResult? command)
    {
        for (; command?.Parent is CommandResult parent; command = parent)
            yield return command.Command.Name;
    }
}
