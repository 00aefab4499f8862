using System.CommandLine;
using System.Numerics;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Access;

/// <summary>Limits of single tenants.</summary>
internal static class TenantsCommand
{
    private sealed record Limits(
        string Tenant, long? StoredBytes, int? StoredFiles, int? RequestsPerSecond, int? UploadsAtOnce, string? MaxPriority)
    {
        public static Limits Of(TenantLimitsRecord record) => new(
            record.Tenant, record.StoredBytes, record.StoredFiles, record.RequestsPerSecond, record.UploadsAtOnce,
            record.MaxPriority == BatchPriority.High ? null : record.MaxPriority.WireName());
    }

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("tenants", "Limits of single tenants: set, list, reset") { Set(target), List(target), Reset(target) };
        target.AddTo(group);
        return group;
    }

    private static Command Set(StorageTarget target)
    {
        var tenant = new Argument<string>("tenant") { Description = "Name of the tenant" };
        var bytes = new Option<long?>("--stored-bytes") { Description = "Bytes of its files together" };
        var files = new Option<int?>("--stored-files") { Description = "Number of its files" };
        var requests = new Option<int?>("--requests") { Description = "Requests a second of each of its keys" };
        var uploads = new Option<int?>("--uploads") { Description = "Uploads at the same time" };
        var priority = new Option<BatchPriority?>("--max-priority")
            { Description = "Most that its batches may ask for: low, normal or high" };
        var command = new Command("set", "Sets limits of a tenant; they hold within a minute. The others stay as they are")
            { tenant, bytes, files, requests, uploads, priority };
        command.SetAction(async (parse, cancellation) =>
        {
            string name = parse.GetRequiredValue(tenant);
            var set = await new TenantLimits(target.Connect(parse)).SetAsync(name, limits =>
            {
                limits.StoredBytes = AtLeastOne(parse, bytes, limits.StoredBytes);
                limits.StoredFiles = AtLeastOne(parse, files, limits.StoredFiles);
                limits.RequestsPerSecond = AtLeastOne(parse, requests, limits.RequestsPerSecond);
                limits.UploadsAtOnce = AtLeastOne(parse, uploads, limits.UploadsAtOnce);
                limits.MaxPriority = parse.GetValue(priority) ?? limits.MaxPriority;
            }, cancellation);
            target.Report(parse).Result(Limits.Of(set), $"Limits of {name} are set");
        });
        return command;
    }

    private static Command List(StorageTarget target)
    {
        var command = new Command("list", "Lists tenants with limits of their own; an empty place is the service's limit");
        command.SetAction(async (parse, cancellation) =>
        {
            List<Limits> all = [];
            await foreach (var record in new TenantLimits(target.Connect(parse)).ListAsync(cancellation))
                all.Add(Limits.Of(record));
            target.Report(parse).Table(
                all, ("TENANT", limits => limits.Tenant), ("STORED BYTES", limits => limits.StoredBytes),
                ("STORED FILES", limits => limits.StoredFiles), ("REQUESTS/S", limits => limits.RequestsPerSecond),
                ("UPLOADS", limits => limits.UploadsAtOnce), ("PRIORITY", limits => limits.MaxPriority));
        });
        return command;
    }

    private static Command Reset(StorageTarget target)
    {
        var tenant = new Argument<string>("tenant") { Description = "Name of the tenant" };
        var command = new Command("reset", "Gives a tenant the service's limits again") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            string name = parse.GetRequiredValue(tenant);
            var limits = new TenantLimits(target.Connect(parse));
            if (await limits.FindAsync(name, cancellation) is null)
                throw new OperatorException($"The tenant {name} has no limits of its own", ExitCodes.NotFound);
            await limits.ResetAsync(name, cancellation);
            target.Report(parse).Result(new { tenant = name, reset = true }, $"{name} has the service's limits");
        });
        return command;
    }

    /// <returns>The limit as it is set now.</returns>
    private static T? AtLeastOne<T>(ParseResult parse, Option<T?> option, T? before)
        where T : struct, INumber<T>
    {
        if (parse.GetValue(option) is not { } value)
            return before;
        return value >= T.One ? value : throw new OperatorException($"{option.Name} is {value}; it must be at least 1");
    }
}
