using LLaDA.Batch.EndToEnd.Tests.Snippets;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>The command line as a person sees it, on a terminal of 80 columns.</summary>
public sealed class CommandLineOnTerminalTests(StackFixture fixture) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-terminal-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Tables_fit_the_terminal_and_so_does_help()
    {
        const string name = "a-file-with-a-name-that-is-longer-than-all-of-the-others.jsonl", body = """
            {"model": "llada-tiny-base", "text": "the [MASK:1] dog"}
            """;
        await File.WriteAllTextAsync(
            Path.Combine(_folder, name), $$"""{"custom_id": "a", "method": "POST", "url": "/v1/infill", "body": {{body}}}""");
        string[] commands =
        [
            "batches list --metadata team=terminal", "batches list --metadata team=none", "files list", "tune list", "models list",
            "schedules list", "usage", "batches run --help", "fill --help",
        ];
        string script = string.Join('\n', commands.Select(command => $"echo '$ {command}'; llada {command}"));
        using var terminal = Start("sh", "-ec", $"llada batches run {name} --watch --metadata team=terminal > answers.jsonl\n{script}");

        Assert.Equal(0, await terminal.EndAsync());

        Assert.True(terminal.Terminal.NumBroken == 0, terminal.Terminal.Text);
        string[] rows = [.. terminal.Terminal.Rows];
        int list = Array.IndexOf(rows, "$ batches list --metadata team=terminal");
        Assert.Matches("^ID +STATUS +DONE +FAILED +AGE", rows[list + 1]);
        Assert.Matches("^batch_[0-9a-f]+ +completed +1/1 +0 +[0-9]+s", rows[list + 2]);
        Assert.Equal("$ batches list --metadata team=none", rows[list + 3]);
        Assert.Contains(rows, row => row.EndsWith('…') && row.Contains("a-file-with", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Fill_shows_the_masks_of_a_text_vanish_and_leaves_the_text_alone()
    {
        const string text = """
            In the beginning [MASK:8] and the earth.
            And God said unto [MASK:2], Go forth into the [MASK:2] of thy fathers.
            """;
        await File.WriteAllTextAsync(Path.Combine(_folder, "text.txt"), text);
        using var terminal = Start("llada", "fill", "text.txt", "--show", "--seed", "1");

        Assert.Equal(0, await terminal.EndAsync());

        TerminalPicture.Keep("fill", "llada fill text.txt --show", terminal.Written);
        Assert.Contains(terminal.Written, part => part.Text.Contains("masks left", StringComparison.Ordinal));
        Assert.Contains(terminal.Written, part => part.Text.Contains("\e[0;33m░", StringComparison.Ordinal));
        Assert.StartsWith("In the beginning", terminal.Terminal.Rows[0], StringComparison.Ordinal);
        Assert.DoesNotContain('░', terminal.Terminal.Text);
        Assert.DoesNotContain("masks left", terminal.Terminal.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_NO_COLOR_and_on_a_terminal_that_cannot_replace_text_there_are_no_colors()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "text.txt"), "the [MASK:2] dog");
        using var terminal = Start("sh", "-c", "TERM=dumb llada fill text.txt --show; NO_COLOR=1 llada fill text.txt --show");

        Assert.Equal(0, await terminal.EndAsync());

        string written = string.Concat(terminal.Written.Select(part => part.Text));
        Assert.DoesNotContain("m░", written, StringComparison.Ordinal);
        Assert.Equal(2, terminal.Terminal.Rows.Count(row => row.EndsWith(" dog", StringComparison.Ordinal)));
    }

    private PseudoTerminal Start(params string[] command)
    {
        string llada = Path.Combine(_folder, "llada");
        File.WriteAllText(llada, $"#!/bin/sh\nexec '{BuiltProgram.DotNet}' exec '{BuiltProgram.CommandLine}' \"$@\"\n");
        File.SetUnixFileMode(llada, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var environment = new Dictionary<string, string?>
        {
            ["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}",
            ["LLADA_BASE_URL"] = fixture.Stack.Address,
            ["LLADA_API_KEY"] = fixture.Stack.ApiKey,
            ["NO_COLOR"] = null,
        };
        return new PseudoTerminal(_folder, environment, command);
    }
}
