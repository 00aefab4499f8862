using System.CommandLine;
using System.CommandLine.Help;
using LLaDA.Batch.Cli;

namespace LLaDA.Batch.Infra.Tests.Cli;

/// <summary>What <c>--help</c> says of every command.</summary>
public sealed class HelpTests
{
    private const int Width = 80;

    [Fact]
    public void Every_command_argument_and_option_has_a_description_without_a_full_stop() => Assert.All(
        All(CommandLine.Create()),
        command => Assert.All(
            command.Arguments.Cast<Symbol>().Concat(command.Options).Append(command).Where(symbol => symbol is not HelpOption),
            symbol => Assert.Matches(@"^\S.*([^.]|\.\.\.)$", symbol.Description ?? "")));

    [Fact]
    public async Task Every_command_has_a_help_that_fits_a_terminal()
    {
        var root = CommandLine.Create();
        root.Options.OfType<HelpOption>().Single().Action = new HelpAction { MaxWidth = Width };
        foreach (var command in All(root))
        {
            using StringWriter output = new(), error = new();

            int code = await root.Parse([.. PathOf(command), "--help"]).InvokeAsync(new() { Output = output, Error = error });

            Assert.Equal((0, ""), (code, error.ToString()));
            Assert.Contains($"Usage:\n  {string.Join(' ', [root.Name, .. PathOf(command)])}", output.ToString(), StringComparison.Ordinal);
            Assert.All(output.ToString().Split('\n'), line => Assert.InRange(line.Length, 0, Width));
        }
    }

    [Fact]
    public void A_group_names_all_of_its_commands() => Assert.All(
        All(CommandLine.Create()).Where(command => command is not RootCommand && command.Subcommands.Count > 0 && command.Name != "admin"),
        group => Assert.All(
            group.Subcommands, command => Assert.Contains(command.Name, group.Description!, StringComparison.Ordinal)));

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private static IEnumerable<string> PathOf(Command command) => command is RootCommand
        ? []
        : PathOf(command.Parents.OfType<Command>().Single()).Append(command.Name);
}
