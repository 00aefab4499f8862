using System.Diagnostics;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Infra.Tests.Hooks;

/// <summary>azure.yaml and the hooks name existing files, variables that are set, and outputs of the template.</summary>
public sealed partial class AzdTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(Bicep.Folder, ".."));
    private static readonly string s_azure = File.ReadAllText(Path.Combine(s_root, "azure.yaml"));

    /// <summary>What azd sets in every environment.</summary>
    private static readonly string[] s_own = ["AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID"];

    public static TheoryData<string> Hooks => [.. Hook().Matches(s_azure).Select(match => match.Groups["path"].Value)];

    [Fact]
    public void Its_service_and_its_template_are_there()
    {
        const RegexOptions options = RegexOptions.Multiline | RegexOptions.ExplicitCapture;
        string Value(string pattern) => Regex.Match(s_azure, pattern, options, TimeSpan.FromSeconds(1)).Groups["value"].Value;
        string Setting(string key) => Value($@"^\s+{key}: (?<value>\S+)$");

        Assert.Single(Directory.GetFiles(Path.Combine(s_root, Setting("project")), "*.csproj"));
        Assert.True(File.Exists(Path.Combine(s_root, Setting("path"), Setting("module") + ".bicep")));
        string tag = $"'azd-service-name': '{Value(@"services:\s+(?<value>\w+):")}'";
        Assert.Contains(tag, Template("modules/functions.bicep"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Hooks))]
    public async Task Every_hook_is_a_script_that_can_be_run(string path)
    {
        string file = Path.Combine(s_root, path);
        using var shell = Process.Start("sh", ["-n", file]);
        await shell.WaitForExitAsync();

        Assert.Equal(0, shell.ExitCode);
        Assert.True(File.GetUnixFileMode(file).HasFlag(UnixFileMode.UserExecute));
    }

    [Theory]
    [MemberData(nameof(Hooks))]
    public void Every_variable_that_a_hook_reads_is_an_output_of_the_template_or_set_by_azd_or_a_hook(string path)
    {
        string[] outputs = Names(Output(), Template("main.bicep"));
        string[] set = [.. Hooks.SelectMany(hook => Names(Assigned(), File.ReadAllText(Path.Combine(s_root, hook.Data))))];
        string[] read = Names(Read(), File.ReadAllText(Path.Combine(s_root, path)));

        Assert.All(read, name => Assert.Contains(name, outputs.Concat(set).Concat(s_own)));
        Assert.All(["main", "production"], parameters =>
        {
            string template = Template($"{parameters}.bicepparam");
            Assert.All(
                set.Except(["LLADA_FIRST_KEY", "LLADA_WORKER_TAG"]),
                name => Assert.Contains($"readEnvironmentVariable('{name}'", template, StringComparison.Ordinal));
        });
    }

    [Theory]
    [InlineData("", "true", "kv-1", "sealed", 0, "azd env set LLADA_SEALING_KEY sealed")]
    [InlineData("", "true", "kv-1", null, 1, "")]
    [InlineData("", "true", "", null, 0, "azd env set LLADA_SEALING_KEY NEW")]
    [InlineData("", "false", null, null, 0, "azd env set LLADA_SEALING_KEY NEW")]
    [InlineData("", null, null, null, 1, "")]
    [InlineData("known", null, null, null, 0, "")]
    public async Task Sealing_key_is_made_only_where_no_vault_has_one(
        string known, string? groupExists, string? vault, string? secret, int exitCode, string set)
    {
        string folder = Directory.CreateTempSubdirectory("llada-hook-").FullName;
        static string Answer(string? text) => text is null ? "exit 3" : $"echo '{text}'";
        string[] cases =
        [
            $"'group exists') {Answer(groupExists)};;", $"'keyvault list') {Answer(vault)};;", $"'keyvault secret') {Answer(secret)};;",
        ];
        WriteScript(Path.Combine(folder, "az"), $"case \"$1 $2\" in {string.Join(' ', cases)} esac");
        WriteScript(Path.Combine(folder, "azd"), $"echo \"azd $*\" >> '{folder}/said'");
        var start = new ProcessStartInfo("sh", [Path.Combine(s_root, "infra/hooks/preprovision.sh")]) { RedirectStandardError = true };
        start.Environment["PATH"] = $"{folder}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["AZURE_ENV_NAME"] = "test";
        start.Environment["LLADA_SEALING_KEY"] = known;

        using var hook = Process.Start(start)!;
        await hook.StandardError.ReadToEndAsync();
        await hook.WaitForExitAsync();

        Assert.Equal(exitCode == 0, hook.ExitCode == 0);
        string said = File.Exists($"{folder}/said") ? File.ReadAllText($"{folder}/said").Trim() : "";
        Assert.Equal(set, Made().Replace(said, "NEW"));
        Directory.Delete(folder, recursive: true);
    }

    private static void WriteScript(string path, string line)
    {
        File.WriteAllText(path, $"#!/bin/sh\n{line}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static string[] Names(Regex pattern, string text) => [.. pattern.Matches(text).Select(match => match.Groups["name"].Value)];

    private static string Template(string file) => File.ReadAllText(Path.Combine(Bicep.Folder, file));

    [GeneratedRegex(@"run: (?<path>\S+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Hook();

    [GeneratedRegex(@"^output (?<name>\w+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Output();

    [GeneratedRegex(@"\$\{?(?<name>[A-Z][A-Z_]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Read();

    /// <summary>32 bytes in Base64.</summary>
    [GeneratedRegex("[A-Za-z0-9+/]{43}=", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Made();

    [GeneratedRegex(@"azd env set (?<name>\w+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Assigned();
}
