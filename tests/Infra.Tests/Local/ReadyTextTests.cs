using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Infra.Tests.Local;

/// <summary>What <c>up</c> prints: a key is shown on a terminal alone.</summary>
public sealed class ReadyTextTests : IDisposable
{
    private const string Key = "llada-0-0", Address = "http://127.0.0.1:8080";

    private readonly string _folder = Directory.CreateTempSubdirectory("llada'ready ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_terminal_gets_the_key() => Assert.StartsWith(
        $"""
        ready {Address} key {Key}

        export LLADA_BASE_URL={Address} LLADA_API_KEY={Key}
        export OPENAI_BASE_URL={Address}/v1 OPENAI_API_KEY={Key}

        """, Text().For(isTerminal: true), StringComparison.Ordinal);

    [Fact]
    public async Task Anything_else_gets_its_file_and_lines_that_a_shell_can_evaluate()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "api-key"), Key + "\n");

        string text = Text().For(isTerminal: false);

        Assert.DoesNotContain(Key, text, StringComparison.Ordinal);
        Assert.StartsWith($"ready {Address} key in {_folder}/api-key\n", text, StringComparison.Ordinal);
        string exports = string.Join('\n', text.Split('\n').Where(line => line.StartsWith("export ", StringComparison.Ordinal)));
        var start = new ProcessStartInfo("sh", ["-c", exports + "\necho $LLADA_BASE_URL $LLADA_API_KEY $OPENAI_BASE_URL $OPENAI_API_KEY"])
        {
            RedirectStandardOutput = true,
        };
        using var shell = Process.Start(start)!;
        Assert.Equal($"{Address} {Key} {Address}/v1 {Key}\n", await shell.StandardOutput.ReadToEndAsync());
        await shell.WaitForExitAsync();
    }

    private ReadyText Text() => new(Address, Key, _folder, ["tiny"]);
}
