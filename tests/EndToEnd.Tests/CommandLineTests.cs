using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>The command line as users type it: a process of its own, its streams in pipes.</summary>
public sealed class CommandLineTests(StackFixture fixture) : IDisposable
{
    private const string Lines = """
        {"custom_id": "a", "method": "POST", "url": "/v1/infill", "body": {"model": "llada-tiny-base", "text": "And God said [MASK:1]."}}
        {"custom_id": "b", "method": "POST", "url": "/v1/infill", "body": {"model": "llada-tiny-base", "text": "And he went forth."}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_login_is_kept_for_the_user_alone_and_serves_the_other_commands()
    {
        string kept = Path.Combine(_folder, "credentials.json");
        var (code, _, error) = await RunAsync(isLoggedIn: false, input: null, "login", fixture.Stack.Address, "--key",
            fixture.Stack.ApiKey);

        Assert.True(code == 0, error);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(kept));
        var (_, models, _) = await RunAsync(isLoggedIn: false, input: null, "models", "list");
        Assert.Contains("llada-tiny-base", models, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_from_the_input_is_filled_and_nothing_else_is_printed()
    {
        var (code, output, error) = await RunAsync(isLoggedIn: true, "And God said unto [MASK:1], Go forth.", "fill", "-", "--seed", "1");

        Assert.True(code == 0, error);
        Assert.Matches("^And God said unto.+, Go forth\\.$", output);
        Assert.Equal("", error);
    }

    [Fact]
    public async Task Several_files_are_filled_as_one_batch_each_under_its_name()
    {
        string[] files = [.. new[] { "one.txt", "two.txt" }.Select(name => Path.Combine(_folder, name))];
        await File.WriteAllTextAsync(files[0], "the [MASK:1] dog");
        await File.WriteAllTextAsync(files[1], "In the beginning [MASK:1] created the heaven.\n");
        string target = Path.Combine(_folder, "filled");

        var (code, _, error) = await RunAsync(isLoggedIn: true, input: null, ["fill", .. files, "-o", target]);

        Assert.True(code == 0, error);
        Assert.Matches("^the.* dog$", await File.ReadAllTextAsync(Path.Combine(target, "one.txt")));
        Assert.EndsWith("created the heaven.\n", await File.ReadAllTextAsync(Path.Combine(target, "two.txt")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_texts_of_a_folder_are_one_batch_that_its_metadata_finds_and_usage_counts()
    {
        string drafts = Path.Combine(_folder, "drafts"), filled = Path.Combine(_folder, "filled"), team = Guid.NewGuid().ToString();
        Directory.CreateDirectory(Path.Combine(drafts, "old"));
        await File.WriteAllTextAsync(Path.Combine(drafts, "one.txt"), "\uFEFFthe [MASK:1] dog\r\n");
        await File.WriteAllTextAsync(Path.Combine(drafts, "old", "two.txt"), "In the beginning [MASK:1] created the heaven.");
        await File.WriteAllTextAsync(Path.Combine(drafts, "whole.txt"), "No gap, but \\[MASK].");
        await File.WriteAllTextAsync(Path.Combine(drafts, ".hidden"), "the [MASK:1] dog");

        var (code, _, error) = await RunAsync(
            isLoggedIn: true, input: null, "batches", "run", drafts, "-o", filled, "--metadata", $"team={team}", "--threshold", "0.9");

        Assert.True(code == 0, error);
        Assert.Equal(
            ["old/two.txt", "one.txt", "whole.txt"],
            Directory.GetFiles(filled, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(filled, file)).Order(StringComparer.Ordinal));
        string one = Encoding.UTF8.GetString(await File.ReadAllBytesAsync(Path.Combine(filled, "one.txt")));
        Assert.Matches("^\uFEFFthe.* dog\r\n$", one);
        Assert.Equal("No gap, but \\[MASK].", await File.ReadAllTextAsync(Path.Combine(filled, "whole.txt")));
        var batch = Assert.Single(await ListedAsync("batches", "list", "--metadata", $"team={team}"));
        Assert.Equal(2, (int)batch["request_counts"]!["total"]!);
        var usage = await ListedAsync("usage", "--by", "model", "--by", "endpoint");
        Assert.Contains(usage, row => (string?)row["endpoint"] == "/v1/infill" && (int)row["lines"]! >= 2);
    }

    [Fact]
    public async Task A_large_file_is_sent_in_parts_and_comes_back_as_it_was()
    {
        string line = Lines.Split('\n')[0] + new string(' ', 1000);
        string file = await WriteAsync("large.jsonl", string.Join('\n', Enumerable.Repeat(line, 3000)));

        var (code, id, error) = await RunAsync(isLoggedIn: true, input: null, "files", "upload", file);

        Assert.True(code == 0, error);
        string stored = (string)JsonNode.Parse(id)!["id"]!, back = Path.Combine(_folder, "back.jsonl");
        await RunAsync(isLoggedIn: true, input: null, "files", "get", stored, "-o", back);
        Assert.Equal(await File.ReadAllBytesAsync(file), await File.ReadAllBytesAsync(back));
    }

    [Fact]
    public async Task A_message_is_answered_as_often_as_asked()
    {
        var (code, output, error) = await RunAsync(
            isLoggedIn: true, input: null, "chat", "What is a fox?", "--max-tokens", "8", "--model", "llada-tiny-instruct", "-n", "2");

        Assert.True(code == 0, error);
        Assert.Matches("^==> answer 1 <==\n(.|\n)*\n==> answer 2 <==\n(.|\n)*\n$", output);
    }

    [Fact]
    public async Task A_batch_is_run_to_its_end_and_its_failed_lines_show_in_the_exit_code_and_run_again()
    {
        string file = await WriteAsync("lines.jsonl", Lines), output = Path.Combine(_folder, "out.jsonl");

        var (code, _, error) = await RunAsync(isLoggedIn: true, input: null, "batches", "run", file, "--priority", "high", "-o", output);

        Assert.True(code == 5, error);
        Assert.Equal(["a", "b"], (await File.ReadAllLinesAsync(output)).Select(line => (string)JsonNode.Parse(line)!["custom_id"]!));
        string id = error[..error.IndexOf(' ', StringComparison.Ordinal)];     // "batch_... has 2 lines"
        Assert.Contains(await ListedAsync("batches", "list", "-n", "100"), batch => batch["id"]!.GetValue<string>() == id);
        var failed = Assert.Single(await ListedAsync("batches", "results", id, "--errors"));
        Assert.Equal(2, failed["line"]!.GetValue<int>());
        var again = Assert.Single(await ListedAsync("batches", "retry", id));
        Assert.Equal((id, "high"), (again["parent_batch_id"]!.GetValue<string>(), again["priority"]!.GetValue<string>()));
        Assert.Equal(5, (await RunAsync(true, null, "batches", "watch", (string)again["id"]!, "--exit-status")).Code);
    }

    [Fact]
    public async Task An_endpoint_is_tested_and_its_deliveries_are_listed()
    {
        string id = (string)Assert.Single(await ListedAsync("webhooks", "create", "http://127.0.0.1:9/command-line"))["id"]!;

        var (code, output, _) = await RunAsync(isLoggedIn: true, input: null, "webhooks", "test", id);

        Assert.Equal((1, "gave_up"), (code, (string)JsonNode.Parse(output)!["status"]!));
        // The endpoint also gets the events of other tests' batches.
        var delivery = Assert.Single(
            await ListedAsync("webhooks", "deliveries", id), delivery => (string)delivery["type"]! == "webhook_endpoint.test");
        Assert.Equal(1, (int)delivery["attempts"]!);
        Assert.Equal(0, (await RunAsync(isLoggedIn: true, input: null, "webhooks", "delete", id)).Code);
    }

    [Fact]
    public async Task A_file_is_checked_by_the_plans_own_rules_before_it_is_sent()
    {
        string file = await WriteAsync("bad.jsonl", Lines + "\nno JSON\n" + Lines.Split('\n')[0]);

        var (code, output, _) = await RunAsync(isLoggedIn: false, input: null, "files", "check", file);

        Assert.Equal(1, code);
        var faults = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!);
        Assert.Equal(
            [("invalid_json_line", 3), ("duplicate_custom_id", 4)],
            faults.Select(fault => ((string)fault["code"]!, (int)fault["line"]!)));
        Assert.Equal(1, (await RunAsync(isLoggedIn: true, input: null, "batches", "run", file)).Code);
    }

    [Fact]
    public async Task A_file_is_split_and_sampled_on_this_machine()
    {
        string file = await WriteAsync("many.jsonl", string.Join('\n', Enumerable.Range(0, 25).Select(index => $"{{\"n\": {index}}}")));

        var (_, pieces, _) = await RunAsync(isLoggedIn: false, input: null, "files", "split", file, "--lines", "10");
        var (_, sample, _) = await RunAsync(isLoggedIn: false, input: null, "files", "sample", file, "-n", "4", "--seed", "3");

        Assert.Equal(3, pieces.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(5, (await File.ReadAllLinesAsync(Path.Combine(_folder, "many.3.jsonl"))).Length);
        int[] drawn = [.. sample.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => (int)JsonNode.Parse(line)!["n"]!)];
        Assert.Equal(4, drawn.Length);
        Assert.Equal(drawn.Order(), drawn);
    }

    [Theory]
    [InlineData(4, false, "batches", "list")]
    [InlineData(4, true, "batches", "list", "--key", "llada-wrong")]
    [InlineData(3, true, "batches", "show", "batch_none")]
    [InlineData(3, true, "fill", "no-such-file.txt")]
    [InlineData(3, true, "batches", "run", "no-such-file.jsonl")]
    [InlineData(1, true, "batches", "run", ".", "-o", "filled")]
    [InlineData(1, true, "fill", "llada-cli.bin")]
    [InlineData(2, true, "fill", "/tmp")]
    [InlineData(2, true, "batches", "list", "--metadata", "team")]
    [InlineData(1, true, "usage", "--since", "2020-01-01")]
    [InlineData(2, true, "batches", "lisst")]
    [InlineData(2, true, "login", "no address", "--key", "k")]
    [InlineData(1, true, "models", "list", "--address", "http://127.0.0.1:9")]
    public async Task A_failure_has_its_exit_code_and_ends_with_one_sentence(int expected, bool isLoggedIn, params string[] args)
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder, "llada-cli.bin"), [0xFF, 0xFE, 0x00]);

        var (code, output, error) = await RunAsync(isLoggedIn, input: null, args);

        Assert.Equal((expected, ""), (code, output));
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.NotEmpty(lines);
        if (expected != 2)      // A wrong command line comes with where to find the help.
            Assert.Single(lines);
    }

    [Fact]
    public async Task The_doctor_finds_nothing_wrong_with_a_running_stack()
    {
        var (code, output, error) = await RunAsync(isLoggedIn: true, input: null, "doctor");

        Assert.True(code == 0, output + error);
    }

    [Fact]
    public async Task A_beginning_of_a_command_is_completed()
    {
        var (_, suggested, _) = await RunAsync(isLoggedIn: false, input: null, "[suggest:8]", "llada ba");

        Assert.Contains("batches", suggested, StringComparison.Ordinal);
    }

    private async Task<string> WriteAsync(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        await File.WriteAllTextAsync(path, content);
        return path;
    }

    private async Task<JsonNode[]> ListedAsync(params string[] args)
    {
        var (code, output, error) = await RunAsync(isLoggedIn: true, input: null, args);
        Assert.True(code == 0, error);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(bool isLoggedIn, string? input, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Snippets.BuiltProgram.CommandLine, .. args])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder,
        };
        foreach (string name in (string[])["OPENAI_BASE_URL", "OPENAI_API_KEY", "LLADA_BASE_URL", "LLADA_API_KEY"])
            start.Environment.Remove(name);
        start.Environment["LLADA_CONFIG"] = Path.Combine(_folder, "credentials.json");
        if (isLoggedIn)
        {
            start.Environment["LLADA_BASE_URL"] = fixture.Stack.Address;
            start.Environment["LLADA_API_KEY"] = fixture.Stack.ApiKey;
        }
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error);
    }
}
