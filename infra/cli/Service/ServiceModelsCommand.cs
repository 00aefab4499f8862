using System.CommandLine;

namespace LLaDA.Batch.Cli.Service;

/// <summary>The models that requests may name.</summary>
internal static class ServiceModelsCommand
{
    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("models", "Models: list")
        {
            ServiceCommands.List(
                target, "list", "Lists the models that requests may name",
                (client, _, cancellation) => client.ListModelsAsync(cancellation), limit: null,
                ("ID", model => model.Id), ("CONTEXT", model => model.ContextLength), ("OWNER", model => model.OwnedBy)),
        };
        target.AddTo(group);
        return group;
    }
}
