using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli;

/// <summary>The operator's commands as they are typed.</summary>
public sealed class OperatingTests(StorageFixture fixture)
{
    private readonly string _connection = fixture.NewConnectionString();

    private StorageAccount Storage => new(new StorageOptions { ConnectionString = _connection });

    [Fact]
    public async Task A_key_opens_the_service_for_its_tenant_until_it_is_revoked_and_is_told_once()
    {
        string key = (await DoneAsync("keys", "add", "acme", "--name", "night jobs", "--max-priority", "low")).Trim();
        var keys = new ApiKeys(Storage, TimeProvider.System);
        var record = await keys.FindAsync(key, CancellationToken.None);
        Assert.Equal(("acme", "night jobs", BatchPriority.Low), (record!.Tenant, record.Name, record.MaxPriority));

        string listed = await DoneAsync("keys", "list");
        Assert.Contains(record.Id, listed, StringComparison.Ordinal);
        Assert.DoesNotContain(key, listed, StringComparison.Ordinal);
        Assert.DoesNotContain(record.Id, await DoneAsync("keys", "list", "--tenant", "others"), StringComparison.Ordinal);

        await DoneAsync("keys", "revoke", record.Id);
        Assert.Null(await keys.FindAsync(key, CancellationToken.None));
        Assert.NotNull(JsonNode.Parse(await DoneAsync("keys", "list", "--json"))![0]!["revoked_at"]);
    }

    [Fact]
    public async Task A_container_may_be_named_by_the_tenant_it_is_bound_to_until_it_is_unbound()
    {
        await DoneAsync("containers", "bind", "acme", "letters", "letters-2026");
        var bindings = new ContainerBindings(Storage);
        Assert.Equal("letters-2026", (await bindings.FindAsync("acme", "letters", CancellationToken.None))!.Container);
        Assert.Null(await bindings.FindAsync("others", "letters", CancellationToken.None));
        Assert.Contains("letters-2026", await DoneAsync("containers", "list", "acme"), StringComparison.Ordinal);

        await DoneAsync("containers", "unbind", "acme", "letters");
        Assert.Null(await bindings.FindAsync("acme", "letters", CancellationToken.None));
    }

    [Fact]
    public async Task Limits_of_a_tenant_are_set_one_by_one_until_they_are_reset()
    {
        await DoneAsync("keys", "add", "acme");
        await DoneAsync("tenants", "set", "acme", "--stored-bytes", "1000", "--requests", "7", "--max-priority", "normal");
        await DoneAsync("tenants", "set", "acme", "--uploads", "3", "--requests", "8");
        var limits = (await new TenantLimits(Storage).FindAsync("acme", CancellationToken.None))!;
        Assert.Equal((1000L, null, 8, 3), (limits.StoredBytes, limits.StoredFiles, limits.RequestsPerSecond, limits.UploadsAtOnce));
        var listed = Assert.Single(JsonNode.Parse(await DoneAsync("tenants", "list", "--json"))!.AsArray())!;
        Assert.Equal(("acme", 1000), (listed["tenant"]!.GetValue<string>(), listed["stored_bytes"]!.GetValue<int>()));
        Assert.Equal((BatchPriority.Normal, "normal"), (limits.MaxPriority, listed["max_priority"]!.GetValue<string>()));

        await DoneAsync("tenants", "reset", "acme");
        Assert.Null(await new TenantLimits(Storage).FindAsync("acme", CancellationToken.None));
    }

    [Theory]
    [InlineData(1, "lower-case letters", "keys", "add", "ACME")]
    [InlineData(1, "lower-case letters", "models", "add", ".", "--name", "m", "--tenant", "ACME")]
    [InlineData(1, "lower-case letters", "tenants", "set", "ACME", "--requests", "1")]
    [InlineData(1, "--stored-files is 0; it must be at least 1", "tenants", "set", "acme", "--stored-files", "0")]
    [InlineData(3, "has no limits of its own", "tenants", "reset", "acme")]
    [InlineData(3, "There is no key", "keys", "revoke", "000000000000")]
    [InlineData(3, "has no container", "containers", "unbind", "acme", "nothing")]
    [InlineData(1, "container", "containers", "bind", "acme", "files")]
    [InlineData(3, "There is no folder", "models", "add", "/no-such-folder")]
    [InlineData(1, "is not a hardware profile", "models", "add", ".", "--name", "m", "--profile", "A100")]
    [InlineData(1, "is not a model name", "models", "add", ".", "--name", "ft:m")]
    [InlineData(1, "must begin with https://", "models", "add", "https://example.com/models/m")]
    [InlineData(3, "There is no model m", "models", "remove", "m")]
    [InlineData(3, "There is no job batch_1", "jobs", "show", "batch_1")]
    [InlineData(3, "There is no job ftjob-2518c9a3d5f7b0e1aaaaaaaaaaaa", "jobs", "cancel", "ftjob-2518c9a3d5f7b0e1aaaaaaaaaaaa")]
    [InlineData(1, "--limit", "jobs", "list", "--all", "--limit", "0")]
    [InlineData(3, "There is no queue train-h100", "poison", "redrive", "--queue", "train-h100")]
    [InlineData(1, "one of --queue NAME and --all", "poison", "redrive")]
    public async Task What_cannot_be_done_is_said_in_one_sentence(int exitCode, string reason, params string[] args)
    {
        await Storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);

        var (code, output, error) = await RunAsync([.. args, "--connection-string", _connection]);

        Assert.Equal((exitCode, ""), (code, output));
        string sentence = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(reason, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", sentence, StringComparison.Ordinal);
    }

    // Errors behind a long help scroll away: https://github.com/SUSE/machinery/issues/901, https://github.com/minio/cli/pull/9
    [Theory]
    [InlineData("Required command was not provided.")]
    [InlineData("Required command was not provided.", "keys")]
    [InlineData("Unrecognized command or argument '--tenat'.", "keys", "list", "--tenat")]
    [InlineData("Required argument missing for command: 'add'.", "keys", "add")]
    [InlineData("Unrecognized command or argument 'lst'.", "jobs", "lst")]
    public async Task A_wrong_command_line_ends_with_its_error(string error, params string[] args)
    {
        var (code, output, errors) = await RunAsync(args);

        Assert.Equal((2, ""), (code, output));
        Assert.Contains(error, errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("This storage account holds no LLaDA.Batch", "keys", "list")]
    [InlineData("Name the service with one of", "keys", "list", "--account", "two")]
    public async Task A_service_that_is_not_there_or_named_twice_is_told_apart(string reason, params string[] args)
    {
        var (code, _, error) = await RunAsync([.. args, "--connection-string", _connection]);

        Assert.Equal(1, code);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_stack_that_is_not_up_is_named()
    {
        var (code, _, error) = await RunAsync("keys", "list", "--data", Path.Combine(Path.GetTempPath(), "no-such-stack"));

        Assert.Equal(1, code);
        Assert.Contains("No local stack is up", error, StringComparison.Ordinal);
    }

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);

    private static Task<(int Code, string Output, string Error)> RunAsync(params string[] args) => Operator.RunAsync(args);
}
