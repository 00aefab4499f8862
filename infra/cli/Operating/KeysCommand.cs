using System.CommandLine;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>API keys of tenants.</summary>
internal static class KeysCommand
{
    private sealed record Key(string Id, string Tenant, string Name, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt);

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("keys", "API keys: add, list, revoke") { Add(target), List(target), Revoke(target) };
        target.AddTo(group);
        return group;
    }

    private static Command Add(StorageTarget target)
    {
        var tenant = new Argument<string>("tenant") { Description = "Whose key: 1 to 40 lower-case letters, digits and hyphens; a new one is a new tenant" };
        var name = new Option<string>("--name") { Description = "What people call the key", DefaultValueFactory = _ => "key" };
        var command = new Command("add", "Makes a key and prints it; it cannot be read again") { tenant, name };
        command.SetAction(async (parse, cancellation) =>
        {
            var storage = target.Connect(parse);
            await storage.Table(StorageNames.KeysTable).CreateIfNotExistsAsync(cancellation);
            string key = await new ApiKeys(storage, TimeProvider.System).CreateAsync(parse.GetRequiredValue(tenant), parse.GetRequiredValue(name), cancellation);
            target.Report(parse).Tell(new { key, tenant = parse.GetRequiredValue(tenant), name = parse.GetRequiredValue(name) }, key);
        });
        return command;
    }

    private static Command List(StorageTarget target)
    {
        var tenant = new Option<string?>("--tenant") { Description = "Of this one alone" };
        var command = new Command("list", "Lists keys without their secrets, revoked ones included") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            List<Key> keys = [];
            await foreach (var key in new ApiKeys(target.Connect(parse), TimeProvider.System).ListAsync(cancellation))
            {
                if (parse.GetValue(tenant) is not { } only || key.Tenant == only)
                    keys.Add(new Key(key.Id, key.Tenant, key.Name, key.CreatedAt, key.RevokedAt));
            }
            target.Report(parse).Table(keys, ("ID", key => key.Id), ("TENANT", key => key.Tenant), ("NAME", key => key.Name), ("CREATED", key => key.CreatedAt), ("REVOKED", key => key.RevokedAt));
        });
        return command;
    }

    private static Command Revoke(StorageTarget target)
    {
        var id = new Argument<string>("id") { Description = "As 'keys list' tells it: the first part of the key, after 'llada-'" };
        var command = new Command("revoke", "Makes a key worthless from the next request on") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            string asked = parse.GetRequiredValue(id);
            if (!await new ApiKeys(target.Connect(parse), TimeProvider.System).RevokeAsync(asked, cancellation))
                throw new OperatorException($"There is no key {asked}", ExitCodes.NotFound);
            target.Report(parse).Tell(new { id = asked, revoked = true }, $"Key {asked} is revoked");
        });
        return command;
    }
}
