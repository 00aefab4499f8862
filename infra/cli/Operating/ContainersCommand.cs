using System.CommandLine;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>Containers of documents that tenants may name in their batches.</summary>
internal static class ContainersCommand
{
    private sealed record Binding(string Name, string Container, string? Account);

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("containers", "Containers of documents that tenants may name: bind, list, unbind") { Bind(target), List(target), Unbind(target) };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Tenant() => new("tenant") { Description = "Who may name it" };

    private static Argument<string> Name() => new("name") { Description = "What the tenant calls it" };

    private static Command Bind(StorageTarget target)
    {
        var (tenant, name) = (Tenant(), Name());
        var container = new Argument<string?>("container") { Description = "The container, made where there is none; the name unless given", DefaultValueFactory = _ => null };
        var account = new Option<Uri?>("--account-url") { Description = "Blob endpoint of another account, which the service's identity must reach" };
        var command = new Command("bind", "Lets a tenant name a container; a name that is bound already is bound anew") { tenant, name, container, account };
        command.SetAction(async (parse, cancellation) =>
        {
            var (who, called) = (parse.GetRequiredValue(tenant), parse.GetRequiredValue(name));
            var storage = target.Connect(parse);
            await storage.Table(StorageNames.ContainersTable).CreateIfNotExistsAsync(cancellation);
            string bound = parse.GetValue(container) ?? called;
            await new ContainerBindings(storage).BindAsync(who, called, bound, parse.GetValue(account), cancellation);
            if (parse.GetValue(account) is null)
                await storage.Container(bound).CreateIfNotExistsAsync(cancellationToken: cancellation);
            target.Report(parse).Tell(new { tenant = who, name = called, container = bound, account = parse.GetValue(account) }, $"{who} may name {called}, which is container {bound}");
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
            await foreach (var bound in new ContainerBindings(target.Connect(parse)).ListAsync(parse.GetRequiredValue(tenant), cancellation))
                bindings.Add(new Binding(bound.Name, bound.Container, bound.AccountUrl));
            target.Report(parse).Table(bindings, ("NAME", bound => bound.Name), ("CONTAINER", bound => bound.Container), ("ACCOUNT", bound => bound.Account));
        });
        return command;
    }

    private static Command Unbind(StorageTarget target)
    {
        var (tenant, name) = (Tenant(), Name());
        var command = new Command("unbind", "Takes a container from a tenant; what lies in it stays") { tenant, name };
        command.SetAction(async (parse, cancellation) =>
        {
            var (who, called) = (parse.GetRequiredValue(tenant), parse.GetRequiredValue(name));
            var bindings = new ContainerBindings(target.Connect(parse));
            if (await bindings.FindAsync(who, called, cancellation) is null)
                throw new OperatorException($"{who} has no container {called}", ExitCodes.NotFound);
            await bindings.UnbindAsync(who, called, cancellation);
            target.Report(parse).Tell(new { tenant = who, name = called, bound = false }, $"{who} may no longer name {called}");
        });
        return command;
    }
}
