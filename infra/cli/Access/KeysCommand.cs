using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Access;

/// <summary>API keys of tenants.</summary>
internal static class KeysCommand
{
    private sealed record Key(
        string Id, string Tenant, string Name, string MaxPriority, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt);

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("keys", "API keys: add, list, revoke") { Add(target), List(target), Revoke(target) };
        target.AddTo(group);
        return group;
    }

    private static Command Add(StorageTarget target)
    {
        var tenant = new Argument<string>("tenant")
        {
            Description = "Tenant of the key: 1 to 40 lower-case letters, digits and hyphens. An unknown one is a new tenant",
        };
        var name = new Option<string>("--name") { Description = "Display name of the key", DefaultValueFactory = _ => "key" };
        var priority = new Option<BatchPriority>("--max-priority")
        {
            Description = "Most that its batches may ask for: low, normal or high", DefaultValueFactory = _ => BatchPriority.High,
        };
        var command = new Command("add", "Creates a key and prints it. It cannot be read later") { tenant, name, priority };
        command.SetAction(async (parse, cancellation) =>
        {
            var (owner, label) = (parse.GetRequiredValue(tenant), parse.GetRequiredValue(name));
            var storage = target.Connect(parse);
            await storage.Table(StorageNames.KeysTable).CreateIfNotExistsAsync(cancellation);
            var keys = new ApiKeys(storage, storage.Time);
            string key = await keys.CreateAsync(owner, label, cancellation, parse.GetValue(priority));
            target.Report(parse).Result(new { key, tenant = owner, name = label }, key);
        });
        return command;
    }

    private static Command List(StorageTarget target)
    {
        var tenant = new Option<string?>("--tenant") { Description = "Only keys of this tenant" };
        var command = new Command("list", "Lists keys without their secrets, revoked ones included") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            List<Key> keys = [];
            var storage = target.Connect(parse);
            await foreach (var key in new ApiKeys(storage, storage.Time).ListAsync(cancellation))
            {
                if (parse.GetValue(tenant) is not { } only || key.Tenant == only)
                    keys.Add(new Key(key.Id, key.Tenant, key.Name, key.MaxPriority.WireName(), key.CreatedAt, key.RevokedAt));
            }
            target.Report(parse).Table(
                keys, ("ID", key => key.Id), ("TENANT", key => key.Tenant), ("NAME", key => key.Name),
                ("PRIORITY", key => key.MaxPriority), ("CREATED", key => key.CreatedAt), ("REVOKED", key => key.RevokedAt));
        });
        return command;
    }

    private static Command Revoke(StorageTarget target)
    {
        var id = new Argument<string>("id") { Description = "Id of the key from 'keys list': its first part, after 'llada-'" };
        var command = new Command("revoke", "Revokes a key, from the next request on") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            string key = parse.GetRequiredValue(id);
            var storage = target.Connect(parse);
            if (!await new ApiKeys(storage, storage.Time).RevokeAsync(key, cancellation))
                throw new OperatorException($"There is no key {key}", ExitCodes.NotFound);
            target.Report(parse).Result(new { id = key, revoked = true }, $"Key {key} is revoked");
        });
        return command;
    }
}
