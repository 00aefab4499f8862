using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Access;

/// <summary>Containers of documents that tenants may name in their batches.</summary>
internal static class ContainersCommand
{
    private sealed record Binding(string Name, string Container, string? Account);

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("containers", "Containers of documents that tenants may name: bind, list, unbind")
        {
            Bind(target), List(target), Unbind(target),
        };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Tenant() => new("tenant") { Description = "The tenant that may name it" };

    private static Argument<string> Name() => new("name") { Description = "Name that the tenant uses" };

    private static Command Bind(StorageTarget target)
    {
        var (tenant, name) = (Tenant(), Name());
        var container = new Argument<string?>("container")
        {
            Description = "The container, created where it is missing. The default is the name",
            DefaultValueFactory = _ => null,
        };
        var account = new Option<Uri?>("--account-url")
        {
            Description = "Blob endpoint of another account, which the service's identity must be able to reach",
        };
        var command = new Command("bind", "Lets a tenant name a container. A name that is bound already is bound to the new container")
        {
            tenant, name, container, account,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            var (boundTenant, boundName, url) = (parse.GetRequiredValue(tenant), parse.GetRequiredValue(name), parse.GetValue(account));
            string bound = parse.GetValue(container) ?? boundName;
            var storage = target.Connect(parse);
            await storage.Table(StorageNames.ContainersTable).CreateIfNotExistsAsync(cancellation);
            await new ContainerBindings(storage).BindAsync(boundTenant, boundName, bound, url, cancellation);
            if (url is null)
                await storage.Container(bound).CreateIfNotExistsAsync(cancellationToken: cancellation);
            target.Report(parse).Result(
                new { tenant = boundTenant, name = boundName, container = bound, account = url },
                $"{boundTenant} may name {boundName}, which is container {bound}");
        });
        return command;
    }

    private static Command List(StorageTarget target)
    {
        var tenant = Tenant();
        var command = new Command("list", "Lists the containers that a tenant may name") { tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            List<Binding> bindings = [];
            var stored = new ContainerBindings(target.Connect(parse));
            await foreach (var bound in stored.ListAsync(parse.GetRequiredValue(tenant), cancellation))
                bindings.Add(new Binding(bound.Name, bound.Container, bound.AccountUrl));
            target.Report(parse).Table(
                bindings, ("NAME", bound => bound.Name), ("CONTAINER", bound => bound.Container), ("ACCOUNT", bound => bound.Account));
        });
        return command;
    }

    private static Command Unbind(StorageTarget target)
    {
        var (tenant, name) = (Tenant(), Name());
        var command = new Command("unbind", "Takes a container from a tenant. Its blobs stay") { tenant, name };
        command.SetAction(async (parse, cancellation) =>
        {
            var (boundTenant, boundName) = (parse.GetRequiredValue(tenant), parse.GetRequiredValue(name));
            var bindings = new ContainerBindings(target.Connect(parse));
            if (await bindings.FindAsync(boundTenant, boundName, cancellation) is null)
                throw new OperatorException($"{boundTenant} has no container {boundName}", ExitCodes.NotFound);
            await bindings.UnbindAsync(boundTenant, boundName, cancellation);
            target.Report(parse).Result(
                new { tenant = boundTenant, name = boundName, bound = false }, $"{boundTenant} may no longer name {boundName}");
        });
        return command;
    }
}
