using System.Text.RegularExpressions;
using LLaDA.Batch.Client;
using LLaDA.Batch.Local;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>The first minute: the sample documents are filled before the eyes of a person, or in a pipe.</summary>
public sealed partial class DemonstrationTests(StackFixture fixture)
{
    private const int Width = 80, Height = 24;

    private static readonly IReadOnlyList<Sample> s_samples = Samples.Read();

    [Fact]
    public async Task A_pipe_gets_the_filled_documents_as_plain_text_and_what_to_do_next()
    {
        using var output = new StringWriter();
        using var client = NewClient();

        await CommandLine.ShowAsync(fixture.Stack, client, Screen.Of(output), onShown: () => Assert.Fail(), CancellationToken.None);

        string text = output.ToString();
        Assert.Equal(s_samples.Sum(sample => sample.NumGaps), Fill().Count(text));
        Assert.DoesNotContain("[MASK", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', text);
        Assert.DoesNotContain('░', text);
        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, Width));
        Assert.EndsWith(ReadyText.AfterEnd + "\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_terminal_shows_the_masks_of_a_document_vanish_in_place()
    {
        var sample = s_samples.First(sample => sample.NumGaps > 4);
        var terminal = new EmulatedTerminal(Width, Height);
        List<int> masks = [];
        var writer = new TerminalWriter(terminal, _ => masks.Add(terminal.Text.Count(sign => sign == '░')));
        using var client = NewClient();
        var screen = new Screen(writer, IsTerminal: true, HasColors: true, Width, Height);

        await new Demonstration(client, screen, TimeProvider.System).RunAsync([sample], CancellationToken.None);

        int[] shown = [.. masks.SkipWhile(count => count == 0).TakeWhile(count => count > 0)];
        Assert.InRange(shown.Length, 3, 5);
        Assert.True(shown[0] >= sample.NumGaps);
        Assert.Equal(shown.OrderDescending(), shown);
        Assert.Equal(sample.NumGaps, Fill().Count(terminal.Text));
        Assert.DoesNotContain('░', terminal.Text);
        Assert.Equal(0, terminal.NumBroken);
        Assert.StartsWith($"── {sample.Name} ──", terminal.Rows[1], StringComparison.Ordinal);
        Assert.EndsWith(sample.Text[^10..], string.Join(' ', terminal.Rows.SkipLast(2)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_terminal_the_demonstration_stays_up_with_the_link_of_its_page_and_ends_well_with_an_interrupt()
    {
        string folder = Directory.CreateTempSubdirectory("llada-demo-").FullName;
        var environment = new Dictionary<string, string?> { ["NO_COLOR"] = null };
        using var program = new PseudoTerminal(folder, environment, "dotnet", typeof(LocalStack).Assembly.Location, "--data", folder);

        await program.ShowsAsync("Ctrl-C stops");
        string key = (await File.ReadAllTextAsync(Path.Combine(folder, "api-key"))).Trim();
        var address = Link().Match(string.Concat(program.Terminal.Rows));
        Assert.True(address.Success, program.Terminal.Text);
        using (var client = new LLaDAClient(new Uri(address.Groups["address"].Value), key))
            Assert.Equal("completed", (await client.Batches.ListAsync().SingleAsync()).Status);
        await program.TypeAsync(PseudoTerminal.CtrlC);

        Assert.Equal(0, await program.EndAsync());
        TerminalPicture.Keep("first-minute", "dotnet run --project infra/local", [.. program.Written.Select(part =>
            (part.At, part.Text.Replace(key, "llada-...", StringComparison.Ordinal)))]);
        Assert.EndsWith("Stopped", program.Terminal.Text.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains($"#key={key}", string.Concat(program.Terminal.Rows), StringComparison.Ordinal);
        Assert.DoesNotContain("[MASK", program.Terminal.Text, StringComparison.Ordinal);
        Assert.Equal(s_samples.Sum(sample => sample.NumGaps), Fill().Count(program.Terminal.Text));
        Directory.Delete(folder, recursive: true);
    }

    private LLaDAClient NewClient() => new(new Uri(fixture.Stack.Address), fixture.Stack.ApiKey);

    [GeneratedRegex(
        "open (?<address>http://127.0.0.1:[0-9]+)/#key=", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex("«[^»]*»", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fill();
}
